//! The built program, as people run it. It never sees this process's environment, and never a
//! server that happens to run on this machine.

mod doctor;
mod generate;
mod process;
mod run;
mod settings;
