//! The tool box: a clean place to run the binary, services to run it against, tables to run it on, and second
//! opinions.

#![allow(dead_code, reason = "a tool box: not every tool is in use at all times")]

pub(crate) mod binary;
pub(crate) mod canary;
pub(crate) mod hash;
pub(crate) mod http;
pub(crate) mod lake;
pub(crate) mod macie_stub;
pub(crate) mod moto;
pub(crate) mod python;
pub(crate) mod shelf;
pub(crate) mod stub;
