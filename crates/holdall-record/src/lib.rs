//! What the host answered to the modules of a run: recordings, and how a recording is run again.

#![forbid(unsafe_code)]
