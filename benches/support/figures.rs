//! Results: latencies, medians of repeated measurements, and the printed table.

use std::time::Duration;

/// The latencies of the requests of one measurement.
#[derive(Debug, Clone)]
pub struct Latencies {
    sorted: Vec<Duration>,
    duration: Duration,
}

impl Latencies {
    pub fn new(mut latencies: Vec<Duration>, duration: Duration) -> Self {
        assert!(!latencies.is_empty(), "there was no response in {duration:?}");
        latencies.sort_unstable();
        Self { sorted: latencies, duration }
    }

    pub fn count(&self) -> usize {
        self.sorted.len()
    }

    pub fn per_second(&self) -> f64 {
        self.sorted.len() as f64 / self.duration.as_secs_f64()
    }

    /// The latency that this share of the requests (0 to 1) did not exceed, in milliseconds.
    pub fn quantile(&self, share: f64) -> f64 {
        let position = (self.sorted.len() as f64 * share) as usize;
        self.sorted[position.min(self.sorted.len() - 1)].as_secs_f64() * 1000.0
    }
}

impl Latencies {
    /// The largest difference between the cumulative distributions of two samples, 0 to 1 (the statistic of Kolmogorov and
    /// Smirnov).
    pub fn difference(&self, other: &Self) -> f64 {
        let share =
            |of: &Self, time| of.sorted.partition_point(|&measured| measured <= time) as f64 / of.count() as f64;
        let times = self.sorted.iter().chain(&other.sorted);
        times.map(|&time| (share(self, time) - share(other, time)).abs()).fold(0.0, f64::max)
    }

    /// The difference that two samples of this size and of the same distribution exceed once in 1,000 times.
    pub fn difference_by_chance(&self) -> f64 {
        1.95 * (2.0 / self.count() as f64).sqrt()
    }
}

/// The results of one measurement.
#[derive(Debug, Clone)]
pub struct Row {
    pub per_second: f64,
    pub p50: f64,
    pub p99: f64,
    /// CPU seconds of the server per 1,000 requests.
    pub server_cpu: Option<f64>,
    /// CPU seconds of the database per 1,000 requests.
    pub database_cpu: Option<f64>,
    /// The server's peak memory, in MB.
    pub memory: Option<f64>,
}

impl Row {
    /// The results that follow from latencies.
    pub fn new(latencies: &Latencies) -> Self {
        Self {
            per_second: latencies.per_second(),
            p50: latencies.quantile(0.5),
            p99: latencies.quantile(0.99),
            server_cpu: None,
            database_cpu: None,
            memory: None,
        }
    }
}

/// Results by name, in the order of their first measurement.
#[derive(Debug, Default)]
pub struct Table(Vec<(String, Vec<Row>)>);

impl Table {
    /// Adds the results of a measurement, and prints them to standard error as progress.
    pub fn add(&mut self, name: &str, row: Row) {
        eprintln!("  {name}: {:.0}/s, p99 {:.2} ms", row.per_second, row.p99);
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, rows)) => rows.push(row),
            None => self.0.push((name.to_owned(), vec![row])),
        }
    }

    /// The medians of all measurements with this name.
    pub fn median(&self, name: &str) -> Row {
        let (_, rows) = self.0.iter().find(|(known, _)| known == name).expect("the name was measured");
        let of = |figure: fn(&Row) -> f64| median(rows.iter().map(figure).collect());
        let of_option = |figure: fn(&Row) -> Option<f64>| {
            let seen: Vec<f64> = rows.iter().filter_map(figure).collect();
            (!seen.is_empty()).then(|| median(seen))
        };
        Row {
            per_second: of(|row| row.per_second),
            p50: of(|row| row.p50),
            p99: of(|row| row.p99),
            server_cpu: of_option(|row| row.server_cpu),
            database_cpu: of_option(|row| row.database_cpu),
            memory: of_option(|row| row.memory),
        }
    }

    /// Prints the medians as a Markdown table.
    pub fn print(&self, what: &str) {
        println!(
            "\n| {what} | per second | p50 ms | p99 ms | server CPU s / 1,000 | database CPU s / 1,000 | peak MB |"
        );
        println!("|---|---:|---:|---:|---:|---:|---:|");
        for (name, _) in &self.0 {
            let row = self.median(name);
            let or_dash = |figure: Option<f64>, digits: usize| {
                figure.map_or_else(|| "–".to_owned(), |figure| format!("{figure:.digits$}"))
            };
            println!(
                "| {name} | {:.0} | {:.2} | {:.2} | {} | {} | {} |",
                row.per_second,
                row.p50,
                row.p99,
                or_dash(row.server_cpu, 3),
                or_dash(row.database_cpu, 3),
                or_dash(row.memory, 0),
            );
        }
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    if figures.len() % 2 == 1 { figures[middle] } else { f64::midpoint(figures[middle - 1], figures[middle]) }
}

/// Prints the ratio of two values, and the values.
pub fn ratio(what: &str, figure: f64, base: f64) {
    println!("- {what}: {:.2} ({figure:.2} / {base:.2})", figure / base);
}
