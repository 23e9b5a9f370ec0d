//! Paths of guests, as texts: where they lead, and which directory holds them. A path below a
//! granted directory has its parts joined by `/`, without `.` and `..`; that of the directory itself
//! is empty.

use crate::fault::Errno;
use crate::fs::Dir;

/// So many directories deep a smaller grant is looked for. What lies deeper needs the whole one.
const MAX_DEPTH: usize = 64;

/// Where a path below a granted directory leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) below: String,
    /// The deepest directory through which the path leads to the same, if it names a file or
    /// nothing.
    held_by: String,
    /// The same, if it names a directory: often that directory itself.
    held_if_dir: String,
    /// Whether it leads elsewhere than its text says, so that a grant in between would be looked up
    /// in place of the one that holds it.
    pub(super) turns: bool,
}

impl Place {
    /// Where a path from a granted directory leads; `None` where it leads out, which no grant
    /// would allow. Asks the directory about links only, which leaves no trace: inodes, as a
    /// deterministic graph numbers them, stay as they are.
    ///
    /// A grant of what a link names would hold what the link points to, and might not hold what it
    /// points out to: what a link is on the way to needs the whole directory. A path that turns
    /// back by `..` needs the directory where it does, which the guest's library looks up by the
    /// path as it is.
    pub(super) fn look_up(dir: &dyn Dir, path: &str, follows: bool) -> Option<Self> {
        if path.starts_with('/') {
            return None;
        }
        let follows = follows || path.ends_with('/');
        let mut stack: Vec<&str> = Vec::new();
        let mut most = usize::MAX;
        let (mut is_decided, mut turns) = (false, false);
        let mut parts = parts(path).peekable();
        while let Some(part) = parts.next() {
            if part == ".." {
                stack.pop()?;
                most = most.min(stack.len());
                turns = true;
                continue;
            }
            stack.push(part);
            if is_decided {
                continue;
            }
            let depth = stack.len();
            let link = match depth {
                ..=MAX_DEPTH => dir.read_link(&stack.join("/")).map(|_| ()),
                // It may be one.
                _ => Ok(()),
            };
            let deepest = match link {
                Ok(()) if follows || parts.peek().is_some() => {
                    turns = true;
                    0
                }
                Ok(()) => continue,
                Err(fault) if fault.is(Errno::Inval) => continue,
                // The part before is no directory.
                Err(fault) if fault.is(Errno::Notdir) => depth.saturating_sub(2),
                Err(_) => depth - 1,
            };
            most = most.min(deepest);
            is_decided = true;
        }
        let up_to = |depth: usize| stack[..depth.min(most).min(stack.len())].join("/");
        Some(Self {
            held_by: up_to(stack.len().saturating_sub(1)),
            held_if_dir: up_to(stack.len()),
            below: stack.join("/"),
            turns,
        })
    }

    /// Where a path from a directory leads that was opened below a granted one. Whatever is done
    /// through it needs what it was opened through.
    pub(super) fn through(from: &str, held_by: &str, path: &str) -> Option<Self> {
        if path.starts_with('/') {
            return None;
        }
        let mut stack: Vec<&str> = parts(from).collect();
        let least = stack.len();
        for part in parts(path) {
            if part != ".." {
                stack.push(part);
            } else if stack.len() > least {
                stack.pop();
            } else {
                return None;
            }
        }
        Some(Self::of_descriptor(&stack.join("/"), held_by))
    }

    /// Where a descriptor stands that was opened through `held_by`.
    pub(super) fn of_descriptor(below: &str, held_by: &str) -> Self {
        Self {
            below: below.to_owned(),
            held_by: held_by.to_owned(),
            held_if_dir: held_by.to_owned(),
            turns: false,
        }
    }

    /// The directory that holds what the path turned out to name.
    pub(super) fn held_by(&self, is_dir: bool) -> &str {
        if is_dir {
            &self.held_if_dir
        } else {
            &self.held_by
        }
    }
}

/// The path that a path means from a directory, as far as their texts say it.
pub(crate) fn join(dir: &str, path: &str) -> String {
    let whole = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{dir}/{path}")
    };
    let is_absolute = whole.starts_with('/');
    let mut stack: Vec<&str> = Vec::new();
    for part in parts(&whole) {
        match stack.last() {
            Some(&last) if part == ".." && last != ".." => drop(stack.pop()),
            None if part == ".." && is_absolute => {}
            _ => stack.push(part),
        }
    }
    match (is_absolute, stack.join("/")) {
        (true, path) => format!("/{path}"),
        (false, path) if path.is_empty() => ".".to_owned(),
        (false, path) => path,
    }
}

/// The deepest directory that holds two directories, or is one of them.
pub(super) fn common<'a>(left: &'a str, right: &str) -> &'a str {
    let mut end = 0;
    for (left, right) in parts(left).zip(parts(right)) {
        if left != right {
            break;
        }
        // The slash before, but for the first.
        end += left.len() + usize::from(end > 0);
    }
    &left[..end]
}

/// Whether a directory is another, or holds it.
pub(super) fn holds(outer: &str, inner: &str) -> bool {
    common(outer, inner).len() == outer.len()
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !matches!(*part, "" | "."))
}
