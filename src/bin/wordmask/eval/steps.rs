//! How far a long run is: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::progress::bar;

/// Lines come no closer than this, but for the last.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

pub(super) struct Steps {
    total: usize,
    /// Where standard error is a terminal.
    bar: Option<ProgressBar>,
    /// When it began, and how many were done then by a run before.
    start: Option<(Instant, usize)>,
    last_line: Option<Instant>,
}

impl Steps {
    pub(super) fn new(total: usize) -> Self {
        let on_terminal = std::io::stderr().is_terminal();
        Self {
            total,
            bar: on_terminal.then(|| bar(total as u64, "measuring")),
            start: None,
            last_line: None,
        }
    }

    pub(super) fn tell(&mut self, done: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(done as u64);
            return;
        }
        let (start, before) = *self.start.get_or_insert((Instant::now(), done));
        let is_due = self
            .last_line
            .is_none_or(|last| last.elapsed() >= BETWEEN_LINES);
        if !is_due && done < self.total {
            return;
        }
        self.last_line = Some(Instant::now());
        let line = format!("measuring {done}/{}", self.total);
        match left(
            start.elapsed(),
            done.saturating_sub(before),
            self.total.saturating_sub(done),
        ) {
            Some(left) => eprintln!("{line}, {} s left", left.as_secs()),
            None => eprintln!("{line}"),
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The time that the rest takes if it goes on like this.
fn left(elapsed: Duration, done: usize, rest: usize) -> Option<Duration> {
    (done > 0 && rest > 0).then(|| elapsed.mul_f64(rest as f64 / done as f64))
}
