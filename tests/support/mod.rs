//! The tool box: a clean place to run the binary, services to run it against, tables to run it on, and second
//! opinions.
//!
//! ```text
//! let stub = MacieStub::new([finding("lake", "dataset/card/LOAD00000001.parquet", &columns)]).start();
//! let sandbox = Sandbox::new()
//!     .with_all(moto().environment())
//!     .with("AWS_ENDPOINT_URL_MACIE2", stub.endpoint());
//! let lake = moto().bucket(); // or `sandbox.shelf()`: the same calls on a folder
//! lake.put(&full_load_key("dataset/card", 1, format), table.encode(format));
//! let run = sandbox.run(["mask"]).ok();
//! sandbox.snapshots().bind(|| insta::assert_snapshot!(run.transcript()));
//! canary.assert_clean_below(sandbox.root(), &["work/dataset"]);
//! ```

#![allow(dead_code, reason = "a tool box: not every tool is in use at all times")]

pub(crate) mod binary;
pub(crate) mod canary;
pub(crate) mod hash;
pub(crate) mod http;
pub(crate) mod lake;
pub(crate) mod lakeformation_stub;
pub(crate) mod macie_stub;
pub(crate) mod moto;
pub(crate) mod picture;
pub(crate) mod python;
pub(crate) mod shelf;
pub(crate) mod shop;
pub(crate) mod stub;
pub(crate) mod terminal;
