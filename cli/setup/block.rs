//! Our lines in a text of somebody else, such as the profile of a shell: put in, and taken out.

/// The lines around ours.
const BEGINNING: &str = "# >>> garner >>>";
const END: &str = "# <<< garner <<<";

/// Returns `text` with exactly these lines of ours: where they are already, else at its end.
pub(super) fn put(text: &str, lines: &str) -> String {
    let block = format!("{BEGINNING}\n{lines}{END}\n");
    if let Some((before, after)) = around(text) {
        return format!("{before}{block}{after}");
    }
    let line_feed = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{line_feed}{block}")
}

/// Returns `text` without our lines; the same text where it has none.
pub(super) fn take_out(text: &str) -> String {
    around(text).map_or_else(|| text.to_owned(), |(before, after)| format!("{before}{after}"))
}

/// Returns what stands before and after our lines; `None` where they are not there whole.
fn around(text: &str) -> Option<(&str, &str)> {
    let line_at = |mark: &str, from: usize| {
        let mut at = from;
        text.get(from..)?.split_inclusive('\n').find_map(|line| {
            let start = at;
            at += line.len();
            (line.trim_end() == mark).then_some((start, at))
        })
    };
    let (start, inner) = line_at(BEGINNING, 0)?;
    let (_, end) = line_at(END, inner)?;
    Some((text.get(..start)?, text.get(end..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_put_at_the_end_once_and_replaced_in_their_place() {
        let one = put("alias a=b\n", "x=1\n");
        assert_eq!(one, format!("alias a=b\n{BEGINNING}\nx=1\n{END}\n"));
        assert_eq!(put(&one, "x=1\n"), one);
        let more = format!("{one}alias c=d\n");
        assert_eq!(put(&more, "x=2\n"), format!("alias a=b\n{BEGINNING}\nx=2\n{END}\nalias c=d\n"));
        assert_eq!(take_out(&more), "alias a=b\nalias c=d\n");
        // A beginning without an end is somebody's own line.
        let half = format!("{BEGINNING}\nx=1\n");
        assert_eq!(take_out(&half), half);
        assert_eq!(take_out(&put("no line feed", "x\n")), "no line feed\n");
    }

    proptest! {
        #[test]
        fn what_was_there_is_there_afterwards(before in "([a-z#=\\r ]{0,9}\n){0,5}", lines in "[a-z=]{0,9}\n") {
            prop_assert_eq!(take_out(&put(&before, &lines)), before);
        }
    }
}
