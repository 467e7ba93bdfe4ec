//! The shipped binary in a cloud: S3 and Secrets Manager as moto serves them, Macie as our stub does.

mod flaky;
mod grants;
mod keys;
mod live;
mod names;
mod together;
mod trouble;
mod whole_way;
mod world;
