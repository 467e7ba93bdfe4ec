//! Stage 6: reading the lake under a role's rights.
//!
//! In: the lake's databases, [`Grants`](crate::grant), one role. Out: a [`RoleSession`] that answers statements.
//!
//! INVARIANT: a session is built for its role, not restricted afterwards: it has the role's tables, the functions that
//! are listed in [`functions`], an information schema of its own, and no object store.
//! INVARIANT: every table of a role stands behind a barrier, [`crate::engine::policy`].
//! INVARIANT: no error of a role's statement holds a value: a code, a place and names.

pub mod audit;
mod capped;
mod convert;
mod fault;
pub mod functions;
mod gate;
pub mod history;
mod marks;
mod open;
pub mod prepared;
pub mod redact;
mod rights;
mod running;
mod scanned;
mod session;
pub mod show;
mod tables;
pub mod workspace;
pub mod write;

pub use self::fault::{role_fault, role_planning_fault};
pub use self::gate::{Kind, gate, gate_open, gate_open_parsed, gate_parsed, kind_of_statement};
pub use self::open::OpenSession;
pub use self::rights::Granted;
pub use self::running::{Answer, Limits, Planned};
pub use self::scanned::Scanned;
pub use self::session::{Barrier, RoleSession};
pub use self::tables::Rights;
