//! holdall for C programs.
