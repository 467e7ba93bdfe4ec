//! The written catalogue: every way of asking for what is hidden that somebody thought of, by name.
//!
//! Each attack runs on both twins under every way of writing the row filter. The answers have to be the same, and nothing
//! of what is hidden may stand in them; where an exact answer is known it has to be that one.

mod doors;
mod errors;
mod limits;
mod names;
mod values;

use std::sync::Mutex;

use saltlake::query::{Barrier, RoleSession};

use super::lakes::{CANARY, CANARY_DIGITS, Side};
use super::world::{FILTERS, Filter, Outcome, World, policies};

/// One way of asking.
pub(super) struct Attack {
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
    /// Whether a plain view would tell: then the check must notice, or it proves nothing.
    pub(super) needs_barrier: bool,
    /// Rows as `a|b; c|d`, or `! code`.
    pub(super) expected: Option<&'static str>,
}

/// A catalogue, and a test for each of its attacks.
///
/// `needs` marks those that a plain view gives in to under one row filter at least; `also` those that it withstands as the
/// engine happens to order things today. That is no promise of the engine's, so they stay in the list.
macro_rules! catalogue {
    (@needs needs) => { true };
    (@needs also) => { false };
    (@expected $expected:literal) => { Some($expected) };
    (@expected same) => { None };
    ($($name:ident $needs:ident $sql:literal => $expected:tt;)*) => {
        pub(in crate::barrier) const ATTACKS: &[crate::barrier::attacks::Attack] = &[$(
            crate::barrier::attacks::Attack {
                name: stringify!($name),
                sql: $sql,
                needs_barrier: catalogue!(@needs $needs),
                expected: catalogue!(@expected $expected),
            },
        )*];

        mod each {
            $(
                #[test]
                fn $name() {
                    crate::barrier::attacks::withstands(super::ATTACKS, stringify!($name));
                }
            )*
        }
    };
}
use catalogue;

/// All catalogues.
fn all() -> impl Iterator<Item = &'static Attack> {
    [errors::ATTACKS, values::ATTACKS, names::ATTACKS, doors::ATTACKS].into_iter().flatten()
}

/// Both lakes, and a session for each way of writing the row filter.
struct Twins {
    worlds: [World; 2],
    sessions: Vec<(Filter, [RoleSession; 2])>,
}

impl Twins {
    fn new(barrier: Barrier) -> Self {
        let worlds = [Side::A, Side::B].map(World::twin);
        let open = |filter| (filter, [0, 1].map(|twin: usize| worlds[twin].session(policies(filter), barrier)));
        let sessions = FILTERS.map(open).into();
        Self { worlds, sessions }
    }

    fn outcomes(&self, sessions: &[RoleSession; 2], sql: &str) -> [Outcome; 2] {
        [0, 1].map(|twin: usize| self.worlds[twin].outcome(&sessions[twin], sql))
    }
}

/// Twins that no test is using: to make them takes longer than most attacks.
static IDLE: Mutex<Vec<Twins>> = Mutex::new(Vec::new());

/// Runs one attack on both twins.
fn withstands(attacks: &[Attack], name: &str) {
    let attack = attacks.iter().find(|attack| attack.name == name).unwrap();
    let idle = IDLE.lock().unwrap().pop();
    let twins = idle.unwrap_or_else(|| Twins::new(Barrier::Fence));
    // What a view withstands does not depend on how the filter is written.
    let filters = if attack.needs_barrier { FILTERS.len() } else { 1 };
    for (filter, sessions) in &twins.sessions[..filters] {
        let [a, b] = twins.outcomes(sessions, attack.sql);
        assert_eq!(a, b, "{filter:?} tells the twins apart: {}", attack.sql);
        assert_clean(&a, attack.sql);
        if let Some(expected) = attack.expected {
            assert_eq!(a.brief(), expected, "{filter:?}: {}\n{}", attack.sql, a.text());
        }
        if reads(attack.sql) {
            let explain = format!("EXPLAIN {}", attack.sql);
            let [a, b] = twins.outcomes(sessions, &explain);
            assert_eq!(a, b, "{filter:?} tells the twins apart: {explain}");
            assert_clean(&a, attack.sql);
            assert_plan_is_clean(&a, attack.sql);
        }
    }
    IDLE.lock().unwrap().push(twins);
}

/// Whether EXPLAIN may stand before it.
pub(super) fn reads(sql: &str) -> bool {
    ["SELECT", "WITH", "VALUES"].iter().any(|word| sql.starts_with(word))
}

/// Nothing that was hidden stands in an answer, unless the statement itself said it.
pub(super) fn assert_clean(outcome: &Outcome, sql: &str) {
    let (text, sql) = (outcome.text().to_lowercase(), sql.to_lowercase());
    for hidden in [CANARY, CANARY_DIGITS, super::world::BUCKET, ".parquet"] {
        assert!(!text.contains(hidden) || sql.contains(hidden), "`{hidden}` is told by: {sql}\n{text}");
    }
}

/// A plan speaks of the statement alone: not of the policy, nor of columns that are not the role's.
fn assert_plan_is_clean(outcome: &Outcome, sql: &str) {
    let (text, sql) = (outcome.text().to_lowercase(), sql.to_lowercase());
    for hidden in ["'eu'", "\"eu\"", "apac", "mask_email", "salt_hash", "secret", "internal", "datasource", "raw"] {
        let said = sql.contains(hidden.trim_matches(['\'', '"']));
        assert!(said || !text.contains(hidden), "`{hidden}` is told by: EXPLAIN {sql}\n{text}");
    }
}

/// With a plain view in place of the barrier the same check must fail, or it would prove nothing.
#[test]
fn without_the_barrier_the_attacks_succeed() {
    let twins = Twins::new(Barrier::PlainView);
    let needing: Vec<_> = all().filter(|attack| attack.needs_barrier).collect();
    let withstood = needing.iter().filter(|attack| {
        let tells = twins.sessions.iter().any(|(_, sessions)| {
            let [a, b] = twins.outcomes(sessions, attack.sql);
            (a.columns, a.rows, a.error) != (b.columns, b.rows, b.error)
        });
        !tells
    });
    let withstood: Vec<_> = withstood.map(|attack| attack.name).collect();
    println!("a plain view withstands {} of {}: {withstood:#?}", withstood.len(), needing.len());
    assert!(
        needing.len() >= 30 && withstood.len() * 10 <= needing.len() * 2,
        "{} of {}",
        withstood.len(),
        needing.len()
    );
}
