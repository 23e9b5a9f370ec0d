//! The list of what a file system cannot hold under its own name, or no option can say: written by
//! `unpack`, and read by `pack --kept`. One object of JSON to a line. Files are
//! told by their paths from where the list is.

use std::path::Path;

use anyhow::{Context, bail};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use holdall::Snapshot;
use holdall_pack::{Kept, read_file};
use serde::{Deserialize, Serialize};

use super::source;
use holdall_pack::process::Plain;

/// Something that is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Line {
    /// A module of a name.
    Module { name: String, file: String },
    /// A file at a path of a directory, which is told by its place among those of --embed, from 0.
    File {
        embed: usize,
        path: String,
        file: String,
    },
    /// A directory there.
    Dir { embed: usize, path: String },
    /// A symbolic link there.
    Link {
        embed: usize,
        path: String,
        target: String,
    },
    /// The state that the modules begin with.
    State { header: String, memories: String },
}

/// What a list says, with the files read.
#[derive(Default)]
pub(super) struct List {
    pub(super) modules: Vec<(String, Vec<u8>)>,
    pub(super) state: Option<Snapshot>,
    /// By the place of the directory.
    entries: Vec<(usize, String, Kept)>,
}

impl List {
    /// Reads a list that is for this number of directories.
    pub(super) fn read(path: &Path, embeds: usize) -> anyhow::Result<Self> {
        let label = path.to_string_lossy();
        let bytes = source::read(path, source::MAX_FILE_BYTES)?;
        let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
        let read = || {
            let dir = Dir::open_ambient_dir(parent.unwrap_or(Path::new(".")), ambient_authority())?;
            let mut list = Self::default();
            for (at, line) in str::from_utf8(&bytes)?.lines().enumerate() {
                let line = serde_json::from_str(line).map_err(anyhow::Error::from);
                let added = line.and_then(|line| list.add(&dir, line, embeds));
                added.with_context(|| format!("line {}", at + 1))?;
            }
            anyhow::Ok(list)
        };
        read().with_context(|| format!("cannot take what {} lists", Plain(&label)))
    }

    fn add(&mut self, dir: &Dir, line: Line, embeds: usize) -> anyhow::Result<()> {
        let (embed, path, kept) = match line {
            Line::Module { name, file } => {
                self.modules.push((name, read_file(dir, &file)?));
                return Ok(());
            }
            Line::State { header, memories } => {
                let (header, memories) = (read_file(dir, &header)?, read_file(dir, &memories)?);
                self.state = Some(Snapshot::from_parts(&header, memories)?);
                return Ok(());
            }
            Line::File { embed, path, file } => (embed, path, Kept::File(read_file(dir, &file)?)),
            Line::Dir { embed, path } => (embed, path, Kept::Dir),
            Line::Link {
                embed,
                path,
                target,
            } => (embed, path, Kept::Link(target)),
        };
        if embed >= embeds {
            bail!(
                "expected the place of a directory among those of --embed, below {embeds}, found {embed}"
            );
        }
        self.entries.push((embed, path, kept));
        Ok(())
    }

    /// Takes what is kept of the directory at a place.
    pub(super) fn take(&mut self, embed: usize) -> Vec<(String, Kept)> {
        let own = self.entries.extract_if(.., |(at, ..)| *at == embed);
        own.map(|(_, path, kept)| (path, kept)).collect()
    }
}
