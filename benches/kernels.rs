//! Times the kernels of `wasm-apps/bench/` in holdall. `benches/peers` compares it with other engines.

use holdall_benches::{Options, Syntax, engines, kernels};

const USAGE: &str = "\
usage: cargo bench --bench kernels -- [--reps N] [--best] [--metering] [--dir DIR] [--save FILE] [--against FILE] [NAME]...
    NAME            only the kernels whose names contain one of these
    --reps N        how often each kernel is run (default 5)
    --best          count the fastest repetition, not the median
    --metering      run the kernels metered as well, and compare
    --dir DIR       take the kernels from there (default wasm-apps/bench)
    --save FILE     write the times of the first column there, a line `kernel ms` each
    --against FILE  compare them with those that another run, of another build, has saved";

/// Runs holdall with metering as well.
const METERING: &str = "--metering";

fn main() -> anyhow::Result<()> {
    let options = Options::read(&Syntax {
        usage: USAGE,
        flags: &[METERING],
        values: kernels::OPTIONS,
        ..Syntax::default()
    })?;
    let mut peers: Vec<kernels::Peer> = vec![("holdall", engines::holdall)];
    if options.has(METERING) {
        peers.insert(0, ("metered", engines::metered));
    }
    kernels::compare(&options, &peers)
}
