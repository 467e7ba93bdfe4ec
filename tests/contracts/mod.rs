//! Contract suites: one body of assertions, run on a folder and on S3 and Secrets Manager as moto serves them.
//!
//! The AWS wing takes its credentials from the environment of its process, as the AWS tools do. So a body that runs
//! against it runs in a process of its own, with the environment of a user.

mod documents;
mod findings;
mod grants;
mod identity;
mod parts;
mod place;
mod published;
mod secrets;
mod store;
mod target;
