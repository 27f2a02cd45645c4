//! QR codes on the terminal: two modules to a character, with the margin that scanners need.

use anstyle::{AnsiColor, Style};
use qrcode::{Color, QrCode};

use crate::error::Error;
use crate::output::styled;

/// The margin, in modules, that the standard asks for.
const MARGIN: usize = 4;
/// White on black, whatever the colors of the terminal are.
const INK: Style =
    AnsiColor::BrightWhite.on_default().bg_color(Some(anstyle::Color::Ansi(AnsiColor::Black)));

/// Returns a text as a QR code.
///
/// Light modules are drawn and dark ones are left out, so that without colors it is right on a dark
/// terminal; on a light one it is inverted, which scanners read as well.
///
/// # Errors
/// [`Error::QrCode`] if the text is longer than a QR code holds.
pub(crate) fn render(text: &str) -> Result<String, Error> {
    let too_long = |_| Error::QrCode { bytes: text.len() };
    let code = QrCode::new(text).map_err(too_long)?;
    let (width, colors) = (code.width(), code.to_colors());
    let is_light = |x: usize, y: usize| {
        // Outside of the code is margin, which is light.
        let inside = |at: usize| at.checked_sub(MARGIN).filter(|at| *at < width);
        let at = inside(x).zip(inside(y)).and_then(|(x, y)| colors.get(y * width + x));
        at.is_none_or(|color| *color == Color::Light)
    };
    let size = width + 2 * MARGIN;
    let mut lines = String::new();
    for y in (0..size).step_by(2) {
        let line: String = (0..size)
            .map(|x| match (is_light(x, y), y + 1 < size && is_light(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            })
            .collect();
        lines.push_str(&styled(&line, INK));
        lines.push('\n');
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads what was rendered back into rows of modules, where true is dark.
    fn modules(rendered: &str) -> Vec<Vec<bool>> {
        let mut rows = Vec::new();
        for line in anstream::adapter::strip_str(rendered).to_string().lines() {
            rows.push(line.chars().map(|c| !matches!(c, '█' | '▀')).collect());
            rows.push(line.chars().map(|c| !matches!(c, '█' | '▄')).collect());
        }
        rows
    }

    #[test]
    fn a_code_is_drawn_module_by_module_with_its_margin() {
        for text in ["age1tee8n5dcx2l3avmmpp6y0tz280869zt0gv74xlu3vttnw3ttkc8qehpjpu", "x"] {
            let rows = modules(&render(text).unwrap());
            let code = QrCode::new(text).unwrap();
            let (width, expected) = (code.width(), code.to_colors());
            assert!(rows.iter().all(|row| row.len() == width + 2 * MARGIN));
            for (y, row) in rows.iter().take(width + 2 * MARGIN).enumerate() {
                for (x, dark) in row.iter().enumerate() {
                    let inside = |at: usize| (MARGIN..MARGIN + width).contains(&at);
                    let want = inside(x)
                        && inside(y)
                        && expected[(y - MARGIN) * width + x - MARGIN] == Color::Dark;
                    assert_eq!(*dark, want, "module {x} {y} of `{text}`");
                }
            }
        }
    }

    #[test]
    fn a_text_that_no_code_holds_is_refused() {
        assert!(matches!(render(&"x".repeat(3000)), Err(Error::QrCode { bytes: 3000 })));
    }
}
