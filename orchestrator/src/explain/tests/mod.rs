//! One test per situation that an operator asks about.

mod ended;
mod jobs;
mod people;
mod places;
mod world;
