//! tally DIR: counts the words of the .txt files of DIR, writes the counts to DIR/tally.out, and
//! says the most frequent ones. With `-` in place of DIR it counts those of standard input.
//!
//! A program as Rust's standard library makes it: files, directories, environment, clocks, threads'
//! sleep, random keys of a hash map, exit codes.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs, io, process, thread};

/// The environment variable that says how many words are said.
const MOST: &str = "TALLY_MOST";

type Tally = HashMap<String, u32>;

fn count(from: impl BufRead, tally: &mut Tally) -> io::Result<()> {
    for line in from.lines() {
        for word in line?.split_whitespace() {
            *tally.entry(word.to_lowercase()).or_default() += 1;
        }
    }
    Ok(())
}

fn count_directory(path: &Path) -> io::Result<Tally> {
    let mut tally = Tally::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            count(io::BufReader::new(fs::File::open(path)?), &mut tally)?;
        }
    }
    Ok(tally)
}

fn by_count(tally: Tally) -> Vec<(String, u32)> {
    let mut words: Vec<_> = tally.into_iter().collect();
    words.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    words
}

/// Writes the counts, replaces what was there, and gives how long ago that was by the file's time.
fn report(path: &Path, words: &[(String, u32)]) -> io::Result<Duration> {
    let unfinished = path.join("tally.new");
    let finished = path.join("tally.out");
    let mut file = fs::File::create(&unfinished)?;
    for (word, count) in words {
        writeln!(file, "{count} {word}")?;
    }
    file.sync_all()?;
    drop(file);
    fs::rename(&unfinished, &finished)?;
    let modified = fs::metadata(&finished)?.modified()?;
    Ok(SystemTime::now()
        .duration_since(modified)
        .unwrap_or_default())
}

fn run(from: &str, most: usize) -> io::Result<()> {
    let mut words = Tally::new();
    if from == "-" {
        count(io::stdin().lock(), &mut words)?;
    } else {
        words = count_directory(Path::new(from))?;
    }
    let words = by_count(words);
    for (word, count) in words.iter().take(most) {
        println!("{count} {word}");
    }
    if from != "-" {
        let start = Instant::now();
        thread::sleep(Duration::from_millis(5));
        let slept = start.elapsed() >= Duration::from_millis(5);
        let recent = report(Path::new(from), &words)? < Duration::from_secs(60);
        println!(
            "{} words, slept: {slept}, written now: {recent}",
            words.len()
        );
    }
    Ok(())
}

fn main() {
    let Some(from) = env::args().nth(1) else {
        eprintln!("usage: tally DIR|-");
        process::exit(2);
    };
    let most = env::var(MOST)
        .ok()
        .and_then(|most| most.parse().ok())
        .unwrap_or(3);
    if let Err(error) = run(&from, most) {
        eprintln!("tally: {from}: {error}");
        process::exit(1);
    }
}
