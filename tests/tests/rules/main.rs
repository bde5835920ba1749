//! Rules, from a draft to the calls that they decide: one program for all of it, because each links the whole system.

mod again;
mod automatic_status;
mod change;
mod in_use;
mod names;
mod replay;
