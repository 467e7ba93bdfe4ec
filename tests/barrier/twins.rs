//! Thousands of generated statements on both twins: whatever is asked, the answers are the same.
//!
//! `TESTS_BARRIER_SEED` and `TESTS_BARRIER_STATEMENTS` try others, and more of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use datafusion::execution::SessionStateDefaults;
use saltlake::query::functions::DENIED;
use saltlake::query::{Barrier, RoleSession};

use super::attacks::{assert_clean, reads};
use super::generate::Generator;
use super::lakes::Side;
use super::world::{FILTERS, Outcome, World, policies};

/// How many statements an ordinary run tries: planning one on both twins takes some 80 ms in an unoptimised build.
const STATEMENTS: usize = 2_000;

/// The seed of an ordinary run.
const SEED: u64 = 20_261_124;

/// No statement over these small tables takes longer.
const SLOW: Duration = Duration::from_secs(5);

/// Threads, each with lakes of its own.
const THREADS: usize = 2;

/// One EXPLAIN for so many statements: planning once more takes as long as all the rest.
const EXPLAINED: usize = 10;

/// How often a statement runs again whose answers were not the same.
const AGAIN: usize = 5;

/// How many differences of a thread are made short.
const SHRUNK: usize = 2;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().map_or(default, |text| text.parse().expect("a number"))
}

/// What a run found.
#[derive(Default)]
struct Report {
    statements: usize,
    succeeded: usize,
    failed_at_run: usize,
    with_rows: usize,
    made: BTreeMap<&'static str, usize>,
    codes: BTreeMap<String, usize>,
    words: BTreeMap<String, usize>,
    types: BTreeSet<String>,
    /// Statements whose answer changes from run to run.
    unsteady: usize,
    differing: Vec<String>,
}

impl Report {
    fn add(&mut self, sql: &str, outcome: &Outcome) {
        self.statements += 1;
        self.succeeded += usize::from(outcome.succeeded());
        self.failed_at_run += usize::from(outcome.failed_at_run());
        self.with_rows += usize::from(outcome.succeeded() && !outcome.rows.is_empty());
        if let Some(code) = &outcome.code {
            *self.codes.entry(code.clone()).or_default() += 1;
        }
        let columns = outcome.columns.as_deref().unwrap_or_default().split(',');
        self.types.extend(columns.filter_map(|column| Some(column.rsplit_once(':')?.1.to_owned())));
        let words: BTreeSet<&str> = sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        for word in words {
            *self.words.entry(word.to_owned()).or_default() += 1;
        }
    }

    /// A difference, with the first few made as short as they go.
    fn note(&mut self, twins: &Twins, filter: usize, sql: &str) {
        let shrunk = if self.differing.len() < SHRUNK { twins.shrunk(filter, sql) } else { sql.to_owned() };
        let [a, b] = twins.outcomes(filter, &shrunk);
        self.differing.push(format!("{sql}\nshrunk: {shrunk}\n{a:#?}\n{b:#?}"));
    }

    fn merge(&mut self, other: Self) {
        self.unsteady += other.unsteady;
        self.statements += other.statements;
        self.succeeded += other.succeeded;
        self.failed_at_run += other.failed_at_run;
        self.with_rows += other.with_rows;
        self.types.extend(other.types);
        self.differing.extend(other.differing);
        for (kind, count) in other.made {
            *self.made.entry(kind).or_default() += count;
        }
        for (code, count) in other.codes {
            *self.codes.entry(code).or_default() += count;
        }
        for (word, count) in other.words {
            *self.words.entry(word).or_default() += count;
        }
    }

    fn print(&self, seed: u64) {
        let share = |count: usize| format!("{} %", count * 100 / self.statements);
        let count = |word: &str| self.words.get(word).copied().unwrap_or(0);
        println!("seed {seed}, {} statements: {:?}", self.statements, self.made);
        println!(
            "succeeded {} (with rows {}), failed while running {}, failed before {}",
            share(self.succeeded),
            share(self.with_rows),
            share(self.failed_at_run),
            share(self.statements - self.succeeded - self.failed_at_run)
        );
        println!("codes {:?}; {} types; {} unsteady", self.codes, self.types.len(), self.unsteady);
        let clauses =
            ["WHERE", "JOIN", "GROUP", "HAVING", "OVER", "ORDER", "LIMIT", "DISTINCT", "FILTER", "ROLLUP", "QUALIFY"];
        println!("clauses {:?}", clauses.map(|clause| (clause, count(clause))));
    }
}

/// Lakes of one thread, with a session for every way of writing the row filter.
struct Twins {
    worlds: [World; 2],
    sessions: Vec<[RoleSession; 2]>,
}

impl Twins {
    fn new(barrier: Barrier) -> Self {
        let worlds = [Side::A, Side::B].map(World::twin);
        let open = |filter| [0, 1].map(|twin: usize| worlds[twin].session(policies(filter), barrier));
        let sessions = FILTERS.map(open).into();
        Self { worlds, sessions }
    }

    fn outcomes(&self, filter: usize, sql: &str) -> [Outcome; 2] {
        let sessions = &self.sessions[filter % self.sessions.len()];
        [0, 1].map(|twin: usize| self.worlds[twin].outcome(&sessions[twin], sql))
    }

    /// Whether the twins can be told apart. An answer that changes from run to run tells nothing if both give it.
    fn differ(&self, filter: usize, sql: &str) -> bool {
        let [a, b] = self.outcomes(filter, sql);
        if a == b {
            return false;
        }
        let (mut of_a, mut of_b) = (vec![a], vec![b]);
        for _ in 0..AGAIN {
            let [a, b] = self.outcomes(filter, sql);
            of_a.push(a);
            of_b.push(b);
        }
        if sql.starts_with("EXPLAIN ") {
            // Columns that only an ORDER BY needs stand in a plan in any order, and there are more orders than runs.
            for outcome in of_a.iter_mut().chain(&mut of_b) {
                outcome.rows = outcome.rows.iter().map(|plan| words_of(plan)).collect();
            }
        }
        !of_a.iter().any(|a| of_b.contains(a))
    }

    /// The statement without the words that it differs without as well.
    fn shrunk(&self, filter: usize, sql: &str) -> String {
        let mut words: Vec<&str> = sql.split(' ').collect();
        let mut length = words.len() / 2;
        while length > 0 {
            let mut at = 0;
            while at + length <= words.len() {
                let shorter = [&words[..at], &words[at + length..]].concat();
                if self.differ(filter, &shorter.join(" ")) { words = shorter } else { at += length }
            }
            length /= 2;
        }
        words.join(" ")
    }
}

/// The words of a plan in the order of the alphabet, without numbers.
fn words_of(plan: &str) -> String {
    let words = plan.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let mut words: Vec<&str> = words.filter(|word| !word.chars().all(|c| c.is_ascii_digit())).collect();
    words.sort_unstable();
    words.join(" ")
}

/// Runs statements on one thread.
fn run(barrier: Barrier, seed: u64, statements: usize) -> Report {
    let twins = Twins::new(barrier);
    let mut generator = Generator::new(seed);
    let mut report = Report::default();
    for number in 0..statements {
        let sql = generator.statement();
        let start = Instant::now();
        let [a, b] = twins.outcomes(number, &sql);
        if start.elapsed() > SLOW {
            // Other tests may have had the processor: once more.
            let again = Instant::now();
            twins.outcomes(number, &sql);
            assert!(again.elapsed() < SLOW, "{:?}: {sql}", again.elapsed());
        }
        if barrier == Barrier::Fence {
            assert_clean(&a, &sql);
            assert_clean(&b, &sql);
        }
        let told = a != b && twins.differ(number, &sql);
        report.unsteady += usize::from(a != b && !told);
        if told {
            report.note(&twins, number, &sql);
        } else if number % EXPLAINED == 0 && reads(&sql) && barrier == Barrier::Fence {
            let explain = format!("EXPLAIN {sql}");
            if twins.differ(number, &explain) {
                report.note(&twins, number, &explain);
            }
        }
        report.add(&sql, &a);
    }
    report.made = generator.made;
    report
}

/// Runs statements on all threads.
fn run_all(barrier: Barrier, seed: u64, statements: usize) -> Report {
    let threads: Vec<_> = (0..THREADS as u64)
        .map(|thread| {
            // Deep plans of an unoptimised build want room.
            let builder = std::thread::Builder::new().stack_size(32 << 20);
            builder.spawn(move || run(barrier, seed + thread, statements / THREADS)).unwrap()
        })
        .collect();
    let mut all = Report::default();
    for thread in threads {
        all.merge(thread.join().expect("a thread of statements"));
    }
    all
}

/// The functions that a role may call.
fn functions() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    names.extend(SessionStateDefaults::default_scalar_functions().iter().map(|f| f.name().to_owned()));
    names.extend(SessionStateDefaults::default_aggregate_functions().iter().map(|f| f.name().to_owned()));
    names.extend(SessionStateDefaults::default_window_functions().iter().map(|f| f.name().to_owned()));
    names.extend(SessionStateDefaults::default_higher_order_functions().iter().map(|f| f.name().to_owned()));
    names.retain(|name| !DENIED.contains(&name.as_str()));
    names
}

#[test]
fn no_statement_tells_the_twins_apart() {
    let seed = number("TESTS_BARRIER_SEED", SEED);
    let statements = usize::try_from(number("TESTS_BARRIER_STATEMENTS", STATEMENTS as u64)).unwrap();
    let report = run_all(Barrier::Fence, seed, statements);
    report.print(seed);
    let differing = &report.differing;
    assert!(
        differing.is_empty(),
        "seed {seed}: {} differ, such as\n{}",
        differing.len(),
        differing[..differing.len().min(6)].join("\n\n")
    );
    // A short run has not seen enough to be judged by shares.
    if statements < STATEMENTS {
        return;
    }
    let share = |count: usize| count * 100 / report.statements;
    assert!(report.unsteady * 50 <= report.statements, "too many answers change from run to run");
    assert!(share(report.succeeded) >= 40, "too few statements succeed");
    assert!(share(report.with_rows) >= 30, "too few statements have rows");
    assert!(share(report.failed_at_run) >= 5, "too few statements fail while they run");
    assert!(report.types.len() >= 20, "too few types: {:?}", report.types);
    let called = |name: &String| report.words.contains_key(name);
    let missing: Vec<_> = functions().into_iter().filter(|name| !called(name)).collect();
    assert!(missing.is_empty(), "functions that no statement called: {missing:?}");
}

#[test]
fn without_the_barrier_statements_tell_the_twins_apart() {
    let report = run_all(Barrier::PlainView, SEED, 300);
    println!("{} of {} differ", report.differing.len(), report.statements);
    assert!(report.differing.len() >= 10, "{}", report.differing.len());
}
