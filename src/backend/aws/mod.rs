//! The AWS wing: one file per service.
