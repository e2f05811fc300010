//! What was measured, and how it is told.

use std::io::Write;
use std::time::Duration;

/// Events or requests per second, and how long they took.
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    latencies: Vec<Duration>,
}

impl Measured {
    /// `latencies` of everything that ended within `window`.
    pub(crate) fn new(mut latencies: Vec<Duration>, window: Duration) -> Self {
        latencies.sort_unstable();
        Self { per_second: rate(latencies.len(), window), latencies }
    }

    /// The latency that this share of all stayed below, in milliseconds.
    pub(crate) fn percentile_ms(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "an index into at most a few million latencies"
        )]
        let index = (last as f64 * share) as usize;
        self.latencies.get(index).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
    }
}

/// How many a second.
pub(crate) fn rate(count: usize, window: Duration) -> f64 {
    let count = u32::try_from(count).expect("fewer than four thousand million");
    f64::from(count) / window.as_secs_f64()
}

/// A table of measurements, written line by line as they come in.
pub(crate) struct Report<W>(pub(crate) W);

impl<W: Write> Report<W> {
    /// A line about the lines that follow.
    pub(crate) fn heading(&mut self, text: &str) {
        self.line(format_args!("\n{text:<54}{:>12}{:>9}{:>9}", "per second", "p50 ms", "p99 ms"));
    }

    /// A measurement with its latencies.
    pub(crate) fn row(&mut self, name: &str, measured: &Measured) {
        let [p50, p99] = [0.5, 0.99].map(|share| measured.percentile_ms(share));
        self.line(format_args!("{name:<54}{:>12.0}{p50:>9.2}{p99:>9.2}", measured.per_second));
    }

    /// A rate alone.
    pub(crate) fn rate(&mut self, name: &str, per_second: f64) {
        self.line(format_args!("{name:<54}{per_second:>12.0}"));
    }

    /// One rate over another.
    pub(crate) fn ratio(&mut self, name: &str, part: f64, whole: f64) {
        self.line(format_args!("{name:<54}{:>12.2}", part / whole));
    }

    /// Any line.
    pub(crate) fn line(&mut self, text: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{text}").expect("whoever asked for the figures reads them");
    }
}
