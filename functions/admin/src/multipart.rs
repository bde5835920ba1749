//! `multipart/form-data`, as browsers and curl send it (RFC 7578): the fields of a form, without copying a file.
//!
//! By hand: the libraries for it read streams, and here the whole body is in memory.

/// Fields of a form; more belong to no form of ours.
const FIELDS_MAX: usize = 32;

/// One field.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece<'b> {
    pub(crate) name: String,
    pub(crate) file_name: Option<String>,
    pub(crate) content: &'b [u8],
}

/// What stands between the fields, if that content type is a form's.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    parameter(parameters, "boundary").filter(|boundary| !boundary.is_empty())
}

/// The fields, in their order; none if the body is no such form.
pub(crate) fn pieces<'b>(body: &'b [u8], boundary: &str) -> Option<Vec<Piece<'b>>> {
    let mark = format!("--{boundary}");
    let mut rest = &body[find(body, mark.as_bytes())? + mark.len()..];
    let between = format!("\r\n{mark}");
    let mut pieces = Vec::new();
    while !rest.starts_with(b"--") {
        if pieces.len() == FIELDS_MAX {
            return None;
        }
        rest = rest.strip_prefix(b"\r\n")?;
        let head_end = find(rest, b"\r\n\r\n")?;
        let head = std::str::from_utf8(&rest[..head_end]).ok()?;
        let content = &rest[head_end + 4..];
        let end = find(content, between.as_bytes())?;
        let told = head.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
        })?;
        pieces.push(Piece {
            name: parameter(told, "name")?,
            file_name: parameter(told, "filename"),
            content: &content[..end],
        });
        rest = &content[end + between.len()..];
    }
    Some(pieces)
}

/// A parameter of a header, in quotes or not.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let mut rest = header;
    loop {
        let at = rest.find('=')?;
        let name = rest[..at].rsplit([';', ' ', '\t']).next()?.trim();
        let value = rest[at + 1..].trim_start();
        let (value, behind) = match value.strip_prefix('"') {
            Some(quoted) => {
                let end = quoted.find('"')?;
                (&quoted[..end], &quoted[end + 1..])
            }
            None => value.split_at(value.find(';').unwrap_or(value.len())),
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value.trim().to_owned());
        }
        rest = behind;
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_curl_sends_it() {
        let kind = "multipart/form-data; boundary=----x1";
        let boundary = boundary(kind).unwrap();
        let body = "------x1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"le;ads.csv\"\r\nContent-Type: text/csv\r\n\r\na,b\r\n1,2\r\n\r\n------x1\r\ncontent-disposition: form-data; name=dry_run\r\n\r\ntrue\r\n------x1--\r\n";
        let read = pieces(body.as_bytes(), &boundary).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(
            (read[0].name.as_str(), read[0].file_name.as_deref(), read[0].content),
            ("file", Some("le;ads.csv"), &b"a,b\r\n1,2\r\n"[..])
        );
        assert_eq!((read[1].name.as_str(), read[1].content), ("dry_run", &b"true"[..]));
        for cut in 0..body.len() - 4 {
            assert!(pieces(&body.as_bytes()[..cut], &boundary).is_none(), "{cut}");
        }
        assert_eq!(
            (
                super::boundary("text/csv"),
                super::boundary("multipart/mixed; boundary=x")
            ),
            (None, None)
        );
    }
}
