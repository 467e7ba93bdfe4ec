//! What a role writes lies in its own locations, whole or not at all, whatever its statements say.

mod cloud;
mod options;
mod places;
mod results;
mod world;
