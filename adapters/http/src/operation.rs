//! An operation, and the paths that ask for it.

use std::borrow::Cow;
use std::fmt::Write;

use memchr::memchr;
use percent_encoding::percent_decode_str;
use poem::http::Method;

/// An operation of the contract, or one of the few pages beside it.
#[derive(Debug)]
pub(crate) struct Operation {
    /// The `operationId`.
    pub(crate) id: String,
    pub(crate) method: Method,
    /// The path as the contract writes it.
    pub(crate) template: String,
    segments: Vec<Segment>,
    /// Values of parameters that other templates have as plain segments, by position.
    mistakable: Vec<(usize, String)>,
}

#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Plain(String),
    Parameter,
}

impl Operation {
    /// An operation whose template is given as in the contract, parameters in braces.
    pub(crate) fn new(id: &str, method: Method, template: &str) -> Self {
        let segment = |text: &str| match text.strip_prefix('{') {
            Some(_) => Segment::Parameter,
            None => Segment::Plain(text.to_owned()),
        };
        Self {
            id: id.to_owned(),
            method,
            template: template.to_owned(),
            segments: Path::split(template)
                .expect("a template is a path")
                .segments()
                .iter()
                .map(|text| segment(text))
                .collect(),
            mistakable: Vec::new(),
        }
    }

    /// Notes for which values of its parameters a path of this operation also looks like one of the others.
    pub(crate) fn tell_from(&mut self, others: &[Vec<Option<String>>]) {
        for other in others
            .iter()
            .filter(|other| other.len() == self.segments.len())
        {
            for (position, (segment, plain)) in self.segments.iter().zip(other).enumerate() {
                if let (Segment::Parameter, Some(plain)) = (segment, plain) {
                    self.mistakable.push((position, plain.clone()));
                }
            }
        }
    }

    /// The template's segments, `None` for a parameter.
    pub(crate) fn plain_segments(&self) -> Vec<Option<String>> {
        let plain = |segment: &Segment| match segment {
            Segment::Plain(plain) => Some(plain.clone()),
            Segment::Parameter => None,
        };
        self.segments.iter().map(plain).collect()
    }

    /// How many segments the template has.
    pub(crate) fn length(&self) -> usize {
        self.segments.len()
    }

    /// How many of the template's segments stand for anything.
    pub(crate) fn parameters(&self) -> usize {
        let parameters = self.segments.iter().filter(|s| **s == Segment::Parameter);
        parameters.count()
    }

    /// Whether a path is one of this operation's template.
    pub(crate) fn is_at(&self, path: &Path<'_>) -> bool {
        self.segments.len() == path.segments().len()
            && self
                .segments
                .iter()
                .zip(path.segments())
                .all(|(segment, given)| match segment {
                    Segment::Parameter => true,
                    Segment::Plain(plain) => plain == given || is_encoded(given, plain),
                })
    }

    /// How a path of this operation must be written for a router that compares it as it stands and that prefers plain
    /// segments, whatever the method; `None` when it is written so.
    pub(crate) fn unmistakable(&self, path: &Path<'_>) -> Option<String> {
        let given = || self.segments.iter().zip(path.segments()).enumerate();
        let differs = |(position, (segment, given)): (usize, (&Segment, &&str))| {
            self.differs(position, segment, given)
        };
        if !path.is_doubled && !given().any(differs) {
            return None;
        }
        let mut text = String::new();
        for (position, (segment, given)) in given() {
            match segment {
                Segment::Plain(plain) => text.extend(["/", plain]),
                Segment::Parameter if self.differs(position, segment, given) => {
                    let (first, rest) = given.split_at(1);
                    let first = first.as_bytes()[0];
                    write!(text, "/%{first:02x}{rest}")
                        .expect("a string takes whatever is written");
                }
                Segment::Parameter => text.extend(["/", given]),
            }
        }
        Some(text)
    }

    /// Whether a segment must be written otherwise than it was given.
    fn differs(&self, position: usize, segment: &Segment, given: &str) -> bool {
        match segment {
            Segment::Plain(plain) => plain != given,
            Segment::Parameter => {
                let mut mistakable = self.mistakable.iter();
                mistakable.any(|(p, plain)| *p == position && plain == given)
            }
        }
    }
}

/// More segments than any template has.
pub(crate) const MOST_SEGMENTS: usize = 6;

/// A path, split at its slashes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path<'p> {
    room: [&'p str; MOST_SEGMENTS],
    length: usize,
    is_encoded: bool,
    /// Whether it begins with two slashes.
    is_doubled: bool,
}

impl<'p> Path<'p> {
    /// Splits a path; one that has an empty segment, as behind a trailing slash, asks for nothing. What people type for
    /// the documentation is let through, and so are two slashes at the beginning, as they always were.
    pub(crate) fn split(path: &'p str) -> Option<Self> {
        let path = if path == "/docs/" { "/docs" } else { path };
        let is_doubled = path.starts_with("//");
        let mut split = Self {
            room: [""; MOST_SEGMENTS],
            length: 0,
            is_encoded: memchr(b'%', path.as_bytes()).is_some(),
            is_doubled,
        };
        let mut rest = path.strip_prefix(if is_doubled { "//" } else { "/" })?;
        if is_doubled && rest.is_empty() {
            return None;
        }
        while !rest.is_empty() {
            let end = memchr(b'/', rest.as_bytes()).unwrap_or(rest.len());
            let is_last_and_empty = end + 1 == rest.len();
            if end == 0 || is_last_and_empty || split.length == MOST_SEGMENTS {
                return None;
            }
            split.room[split.length] = &rest[..end];
            split.length += 1;
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        Some(split)
    }

    /// Whether every segment is valid text when decoded.
    pub(crate) fn is_readable(&self) -> bool {
        let mut segments = self.segments().iter();
        !self.is_encoded || segments.all(|segment| decoded(segment).is_some())
    }

    pub(crate) fn segments(&self) -> &[&'p str] {
        &self.room[..self.length]
    }
}

/// The last segment of a path, decoded.
pub(crate) fn last_segment(path: &str) -> Option<Cow<'_, str>> {
    let (_, last) = path.rsplit_once('/')?;
    decoded(last)
}

fn decoded(segment: &str) -> Option<Cow<'_, str>> {
    if segment.contains('%') {
        percent_decode_str(segment).decode_utf8().ok()
    } else {
        Some(segment.into())
    }
}

fn is_encoded(segment: &str, plain: &str) -> bool {
    segment.contains('%') && decoded(segment).is_some_and(|segment| segment == plain)
}
