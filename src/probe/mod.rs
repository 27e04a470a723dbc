//! The owner's live test: what a real server answers to the attempts that abuse of relays is made of, beside what its
//! configuration says it must answer.
//!
//! Only declared targets are connected to, with a hard cap; every attempt ends at RCPT TO (RFC 5321 section 3.3) with
//! RSET, and nothing in this folder can say DATA: no mail is ever sent. [`plan()`] says what to try, [`Tester`] tries it
//! over any [`Dial`], [`Record`] is what is kept, and [`judge()`] holds it against a state of the device.

mod accord;
mod dial;
mod judge;
mod limits;
mod matrix;
mod plan;
mod predict;
mod record;
mod reply;
mod standing;
mod talk;
mod tester;
mod tls;

pub use accord::{Accord, Reality};
pub use dial::{Closed, Dial, Direct, Opened, Stream, Tunnelled};
pub use judge::{Conclusion, Doubt, Judged, Place, Port, Told, Why, judge};
pub use limits::Limits;
pub use matrix::{Attempt, Form, Words};
pub use plan::{Knocking, Mailing, Plan, plan};
pub use predict::Gate;
pub use record::{ARTIFACT, Dialogue, End, Knock, Met, Record, SCHEMA_VERSION, Tried, Unreadable};
pub use reply::{Reply, Step};
pub use standing::Standing;
pub use tester::Tester;
pub use tls::{Begun, Encrypted};
