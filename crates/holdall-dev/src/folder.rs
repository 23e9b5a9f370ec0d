//! A folder on disk of a test's own.

/// Defines `Folder` in the module that calls this. A macro, because cargo tells only the test's own
/// package where tests may write.
#[macro_export]
macro_rules! folder {
    () => {
        use std::fs;
        use std::path::{Path, PathBuf};

        /// A folder of a test's own.
        pub(crate) struct Folder(PathBuf);

        impl Folder {
            /// An empty one. `name` is the test's, within its crate.
            pub(crate) fn new(name: &str) -> Self {
                let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
                    .join(env!("CARGO_CRATE_NAME"))
                    .join(name);
                if path.exists() {
                    fs::remove_dir_all(&path).expect("it is ours");
                }
                fs::create_dir_all(&path).expect("it is ours");
                Self(path)
            }

            /// The folder with one more file; `path` may lead into folders below.
            pub(crate) fn with(self, path: &str, contents: impl AsRef<[u8]>) -> Self {
                let path = self.0.join(path);
                fs::create_dir_all(path.parent().expect("it is in the folder"))
                    .expect("it is ours");
                fs::write(path, contents).expect("it is ours");
                self
            }

            pub(crate) fn path(&self) -> &Path {
                &self.0
            }
        }
    };
}
