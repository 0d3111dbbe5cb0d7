//! The only place that writes: results to stdout, everything else to stderr.

use std::{
    io::{self, ErrorKind, Write as _},
    process::ExitCode,
};

use crate::failure::Failure;

/// Writes a result. A reader that has gone away, such as `head`, has had enough: no failure.
pub(crate) fn result(text: &str) -> Result<(), Failure> {
    is_read(text).map(drop)
}

/// Writes a result that more follows, and says whether there is still a reader.
pub(crate) fn is_read(text: &str) -> Result<bool, Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| if text.ends_with('\n') { stdout.flush() } else { writeln!(stdout) });
    match written {
        Err(source) if source.kind() != ErrorKind::BrokenPipe => Err(Failure::Stdout { source }),
        Ok(()) => Ok(true),
        Err(_) => Ok(false),
    }
}

/// Tells the person at the terminal something. Without a stderr there is nobody to tell.
pub(crate) fn note(text: &str) {
    writeln!(io::stderr().lock(), "{text}").ok();
}

/// Says why a command line was not taken; help and version are such answers too.
pub(crate) fn refusal(refusal: &clap::Error) -> ExitCode {
    refusal.print().ok();
    ExitCode::from(u8::try_from(refusal.exit_code()).unwrap_or(2))
}

/// Lines of which the cells stand under each other; the last cell is as long as it likes.
pub(crate) fn aligned<const CELLS: usize>(rows: &[[String; CELLS]]) -> String {
    let mut widths = [0; CELLS];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; CELLS]| {
        let cells = widths.iter().zip(row).map(|(&width, cell)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_under_each_other_and_lines_end_without_blanks() {
        let rows = [["a", "bc", "d e"], ["äöü", "", "f"]].map(|row| row.map(str::to_owned));
        assert_eq!(aligned(&rows), "a    bc  d e\näöü      f\n");
    }
}
