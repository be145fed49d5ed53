//! What pages are made of. Every text is escaped where it is put in; nothing here asks anybody anything.

pub(super) mod bar;
pub(super) mod chart;
pub(super) mod forms;
pub(super) mod layout;
pub(super) mod number;
pub(super) mod problem;
pub(super) mod time;
