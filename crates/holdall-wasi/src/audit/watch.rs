//! The calls of one module: what each asks for, from its row of the table, its arguments, and what
//! the descriptors that it names stand for.

use std::collections::HashMap;
use std::sync::Arc;

use wasi_common::snapshots::preview_1::types::{Filetype, Lookupflags};
use wiggle::GuestPtr;

use super::access::{access, argument, low};
use super::place::{Place, join};
use super::{Asked, Audit, Needed};
use crate::abi::{Call, Function, Ptr};
use crate::calls;
use crate::context::Context;
use crate::descriptors::{Descriptors, FIRST, Kind};
use crate::fault::Errno;
use crate::grants::Access;
use crate::memory::Memory;
use crate::policy::errno_name;

/// At most this many bytes of the path of an open descriptor are kept.
const MAX_KEPT_BYTES: usize = 4096;

/// Where a file's type stands in what `path_filestat_get` gives, in bytes; the same in both
/// previews.
const FILETYPE_OFFSET: u32 = 16;

/// What watches the calls that reach a context.
pub(crate) struct Watch {
    audit: Audit,
    module: Option<Arc<str>>,
    /// The names of the granted directories.
    granted: Vec<Arc<str>>,
    /// What open descriptors stand for, and the closed ones of streams that were not granted.
    known: HashMap<u32, Known>,
    /// What the present call waits for.
    polled: Vec<Polled>,
}

/// Something that a guest waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Polled {
    Clock,
    Descriptor(u32),
}

/// What a descriptor stands for.
#[derive(Clone)]
enum Known {
    Stream(Needed),
    Granted(usize),
    Opened(Opened),
}

/// A file or a directory that was opened below a granted directory.
#[derive(Clone)]
struct Opened {
    grant: usize,
    below: String,
    /// The directory that had to be granted.
    held_by: String,
}

/// A call that is going on.
struct Asking {
    asked: Asked,
    /// The place of each path, with its granted directory.
    places: Vec<(usize, Place)>,
    /// What else is asked for.
    others: Vec<Needed>,
}

/// Calls a function, and tells who watches.
pub(crate) fn call(
    function: &Function,
    call: &mut Call<'_>,
    slots: &mut [u64],
) -> anyhow::Result<()> {
    let Some(watch) = &call.context.watch else {
        return function.call(call, slots);
    };
    let asking = watch.begin(function, call.context, &call.memory, slots);
    let args = slots[..function.params.len()].to_vec();
    let result = function.call(call, slots);
    let errno = match &result {
        Ok(()) if function.returns => slots[0],
        _ => Errno::Success as u64,
    };
    let Context {
        watch: Some(watch),
        descriptors,
        ..
    } = call.context
    else {
        unreachable!("no call takes the watch away");
    };
    let outcome = Outcome {
        function,
        args: &args,
        errno,
        is_success: result.is_ok() && errno == Errno::Success as u64,
    };
    watch.end(asking, &outcome, descriptors, &call.memory);
    result
}

/// How a call ended.
struct Outcome<'a> {
    function: &'a Function,
    args: &'a [u64],
    errno: u64,
    is_success: bool,
}

impl Outcome<'_> {
    /// The address that an argument is.
    fn address(&self, name: &str) -> Option<u32> {
        argument(self.function, self.args, name)
    }
}

impl Watch {
    /// Watches what is done with new descriptors.
    pub(crate) fn new(audit: Audit, module: Option<Arc<str>>, descriptors: &Descriptors) -> Self {
        let streams = [Needed::Stdin, Needed::Stdout, Needed::Stderr];
        let mut known: HashMap<_, _> = (0..).zip(streams.map(Known::Stream)).collect();
        let mut granted = Vec::new();
        for fd in FIRST.. {
            let Some(Kind::Dir(open)) = descriptors.peek(fd).map(|found| &found.kind) else {
                break;
            };
            known.insert(fd, Known::Granted(granted.len()));
            granted.push(open.preopen.clone().unwrap_or_default());
        }
        audit.note(module.as_ref(), |asks| asks.set_granted(&granted));
        Self {
            audit,
            module,
            granted,
            known,
            polled: Vec::new(),
        }
    }

    /// Says what the present call waits for.
    pub(crate) fn set_polled(&mut self, polled: Vec<Polled>) {
        self.polled = polled;
    }

    fn begin(
        &self,
        function: &Function,
        context: &Context,
        memory: &Memory<'_>,
        slots: &[u64],
    ) -> Asking {
        let mut asking = Asking {
            asked: Asked {
                module: self.module.clone(),
                call: function.name,
                descriptors: Vec::new(),
                paths: Vec::new(),
                access: access(function, slots),
                errno: None,
            },
            places: Vec::new(),
            others: Vec::new(),
        };
        match function.name {
            "args_get" if !context.args.is_empty() => asking.others.push(Needed::Args),
            "environ_get" if !context.env.is_empty() => asking.others.push(Needed::Env),
            "clock_res_get" | "clock_time_get" => asking.others.push(Needed::Clocks),
            "random_get" => asking.others.push(Needed::Random),
            _ => {}
        }
        let takes_paths = function.name.starts_with("path_");
        let (mut follows, mut at) = (false, Ptr(0));
        for (param, &slot) in function.params.iter().zip(slots) {
            let word = low(slot);
            match param.name {
                // One that is to come.
                "opened_fd" => {}
                "flags" | "dirflags" | "old_flags" => {
                    follows = word & Lookupflags::SYMLINK_FOLLOW.bits() != 0;
                }
                "to" => asking.asked.descriptors.push(word),
                name if name == "fd" || name.ends_with("_fd") => {
                    asking.asked.descriptors.push(word);
                    if !takes_paths {
                        self.ask_descriptor(&mut asking, word);
                    }
                }
                name if takes_paths && name.ends_with("path_len") => {
                    let path = calls::path(memory, at, word);
                    // A path before any descriptor is the text of a link, which leads nowhere yet.
                    if let (Some(&fd), Ok(path)) = (asking.asked.descriptors.last(), path) {
                        self.ask_path(&mut asking, context, fd, path, follows);
                    }
                    follows = false;
                }
                name if name.ends_with("path") => at = Ptr(word),
                _ => {}
            }
        }
        asking
    }

    /// Asks for what a descriptor stands for.
    fn ask_descriptor(&self, asking: &mut Asking, fd: u32) {
        match self.known.get(&fd) {
            Some(Known::Stream(stream)) if asking.asked.access.is_some() => {
                asking.others.push(stream.clone());
            }
            Some(Known::Granted(grant)) => {
                asking.asked.paths.push(join(&self.granted[*grant], ""));
                asking.places.push((*grant, Place::of_descriptor("", "")));
            }
            Some(Known::Opened(opened)) => {
                let name = &self.granted[opened.grant];
                asking.asked.paths.push(join(name, &opened.below));
                let place = Place::of_descriptor(&opened.below, &opened.held_by);
                asking.places.push((opened.grant, place));
            }
            Some(Known::Stream(_)) | None => {}
        }
    }

    /// Asks for a path from a directory.
    fn ask_path(&self, asking: &mut Asking, context: &Context, fd: u32, path: &str, follows: bool) {
        let (grant, from, place) = match self.known.get(&fd) {
            Some(Known::Granted(grant)) => {
                let kind = context.descriptors.peek(fd).map(|found| &found.kind);
                let Some(Kind::Dir(open)) = kind else {
                    return;
                };
                (*grant, "", Place::look_up(&*open.dir, path, follows))
            }
            Some(Known::Opened(opened)) => {
                let place = Place::through(&opened.below, &opened.held_by, path);
                (opened.grant, &*opened.below, place)
            }
            Some(Known::Stream(_)) | None => {
                asking.asked.paths.push(path.to_owned());
                return;
            }
        };
        let from = join(&self.granted[grant], from);
        asking.asked.paths.push(join(&from, path));
        asking.places.extend(place.map(|place| (grant, place)));
    }

    fn end(
        &mut self,
        mut asking: Asking,
        outcome: &Outcome<'_>,
        descriptors: &Descriptors,
        memory: &Memory<'_>,
    ) {
        let is_dir = outcome.is_success && self.follow(&asking, outcome, descriptors, memory);
        let Asking { asked, others, .. } = &mut asking;
        for polled in std::mem::take(&mut self.polled) {
            match polled {
                Polled::Clock => others.push(Needed::Clocks),
                Polled::Descriptor(fd) => {
                    asked.descriptors.push(fd);
                    if let Some(Known::Stream(stream)) = self.known.get(&fd) {
                        others.push(stream.clone());
                    }
                }
            }
        }
        if outcome.errno != Errno::Success as u64 {
            asked.errno = Some(errno_name(outcome.errno));
        }
        // What is there already is not made, wherever it is.
        if asked.call == "path_create_directory" && outcome.errno == Errno::Exist as u64 {
            asked.access = Some(Access::ReadOnly);
        }
        let named = match (asked.call, self.known.get(&low(first(outcome.args)))) {
            ("fd_prestat_dir_name", Some(Known::Granted(grant))) => Some(*grant),
            _ => None,
        };
        self.audit.note(self.module.as_ref(), |asks| {
            named.into_iter().for_each(|grant| asks.set_named(grant));
            asking.others.drain(..).for_each(|what| asks.add(what));
            if let Some(access) = asking.asked.access {
                for (grant, place) in &asking.places {
                    asks.add_dir(*grant, place.held_by(is_dir), place.turns, access);
                }
            }
        });
        self.audit.tell(&asking.asked);
    }

    /// Keeps up with descriptors that a call that succeeded opened, closed or moved, and says
    /// whether what it asked for turned out to be a directory.
    fn follow(
        &mut self,
        asking: &Asking,
        outcome: &Outcome<'_>,
        descriptors: &Descriptors,
        memory: &Memory<'_>,
    ) -> bool {
        let fd = low(first(outcome.args));
        match asking.asked.call {
            "fd_close" => drop(self.known.remove(&fd)),
            "fd_renumber" => {
                let to = asking.asked.descriptors[1];
                if fd != to {
                    match self.known.remove(&fd) {
                        Some(known) => drop(self.known.insert(to, known)),
                        None => drop(self.known.remove(&to)),
                    }
                }
            }
            "path_open" => {
                let at = outcome.address("opened_fd").unwrap_or_default();
                let Ok(opened) = memory.read(GuestPtr::<u32>::new(at)) else {
                    return false;
                };
                let kind = descriptors.peek(opened).map(|found| &found.kind);
                let is_dir = matches!(kind, Some(Kind::Dir(_)));
                if let [(grant, place)] = &*asking.places {
                    let node = Opened {
                        grant: *grant,
                        below: kept(&place.below),
                        held_by: place.held_by(is_dir).to_owned(),
                    };
                    self.known.insert(opened, Known::Opened(node));
                }
                return is_dir;
            }
            "path_filestat_get" => {
                let at = outcome.address("buf").unwrap_or_default();
                let at = GuestPtr::<u8>::new(at.wrapping_add(FILETYPE_OFFSET));
                let filetype = memory.read(at).ok();
                return filetype == Some(Filetype::Directory as u8);
            }
            _ => {}
        }
        false
    }
}

/// What is kept of the path of an open descriptor. Directories can be nested without an end, and each
/// keeps its own: of a longer path the directories at its start are kept, and `...` stands for the rest.
fn kept(below: &str) -> String {
    if below.len() <= MAX_KEPT_BYTES {
        return below.to_owned();
    }
    let end = below.floor_char_boundary(MAX_KEPT_BYTES);
    let end = below[..end].rfind('/').unwrap_or(end);
    format!("{}/...", &below[..end])
}

fn first(args: &[u64]) -> u64 {
    args.first().copied().unwrap_or_default()
}
