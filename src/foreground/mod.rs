//! Which pixels belong to a thing, whatever it is.
//!
//! | module | by | needs |
//! | --- | --- | --- |
//! | [`spectral`] | a normalised cut of the vision tower's own cell features | nothing else |
//! | [`found`] | FOUND, a head on DINO's keys | a second network in the bundle |

pub mod found;
pub mod spectral;

pub use found::Found;
