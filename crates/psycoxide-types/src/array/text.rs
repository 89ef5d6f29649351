//! The text form: brackets, delimiters, quotes, `NULL`, and lower bounds where they are not 1.

use super::MAX_DIMENSIONS;
use crate::digits::leading_number;
use crate::element::{Element, leading_quoted, quote_tail, write_quoted};
use crate::error::{Error, Excerpt, Reason, Result};

/// A piece of an array's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Token<'a> {
    /// A list begins.
    Begin,
    /// The innermost open list ends.
    End,
    /// An element that is NULL.
    Null,
    /// An element.
    Element(Element<'a>),
}

/// The pieces of an array's text, in order; see [`decode_text`].
///
/// After an error there are no more pieces. Without one, every list that began has ended and
/// nothing was left over.
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    rest: &'a [u8],
    delimiter: u8,
    state: State,
    depth: usize,
    /// How deep the elements are, once one was seen; 0 before.
    leaf_depth: usize,
    /// How many items the innermost open list has so far.
    count: usize,
    /// The same for the lists around it, by depth.
    outer_counts: [usize; MAX_DIMENSIONS],
    /// How many items the lists of each depth have, once one has ended.
    lengths: [Option<usize>; MAX_DIMENSIONS],
    lower_bounds: [i32; MAX_DIMENSIONS],
    bounds: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// At the very beginning: a list must begin.
    Start,
    /// Behind an opening bracket: an item or the end.
    Opened,
    /// Behind a delimiter: an item.
    Item,
    /// Behind an item: a delimiter or the end.
    Between,
    Finished,
}

/// Begins to decode the text form; the delimiter is a comma for all types but `box`.
///
/// Lower bounds in front (`[0:2]=`) are read here already.
pub fn decode_text(value: &[u8], delimiter: u8) -> Result<Tokens<'_>> {
    let mut tokens = Tokens {
        rest: value,
        delimiter,
        state: State::Start,
        depth: 0,
        leaf_depth: 0,
        count: 0,
        outer_counts: [0; MAX_DIMENSIONS],
        lengths: [None; MAX_DIMENSIONS],
        lower_bounds: [1; MAX_DIMENSIONS],
        bounds: 0,
    };
    if value.first() == Some(&b'[') && tokens.read_bounds().is_none() {
        let expected = "bounds as [lower:upper]= in front of an array";
        return Err(Error::syntax("array", expected, value));
    }
    Ok(tokens)
}

impl<'a> Tokens<'a> {
    /// The lower bounds that the text announces, one for each dimension; none when all are 1.
    pub fn lower_bounds(&self) -> &[i32] {
        self.lower_bounds.get(..self.bounds).unwrap_or_default()
    }

    fn read_bounds(&mut self) -> Option<()> {
        while let [b'[', rest @ ..] = self.rest {
            let (lower, rest) = leading_bound(rest)?;
            let (upper, rest) = leading_bound(rest.strip_prefix(b":")?)?;
            self.rest = rest.strip_prefix(b"]")?;
            if upper < lower {
                return None;
            }
            *self.lower_bounds.get_mut(self.bounds)? = lower;
            self.bounds += 1;
        }
        self.rest = self.rest.strip_prefix(b"=")?;
        Some(())
    }

    #[inline]
    fn step(&mut self) -> Result<Token<'a>> {
        if self.state == State::Between {
            match self.rest {
                [byte, rest @ ..] if *byte == self.delimiter => {
                    self.rest = rest;
                    self.state = State::Item;
                }
                [b'}', rest @ ..] => return self.end(rest),
                _ => return Err(self.syntax("a delimiter or a closing bracket")),
            }
        }
        match self.rest {
            [b'{', rest @ ..] => self.begin(rest),
            [b'}', rest @ ..] if self.state == State::Opened => self.end(rest),
            _ if self.state == State::Start => Err(self.syntax("an opening bracket")),
            [b'"', rest @ ..] => {
                let Some((element, rest)) = leading_quoted(rest, false) else {
                    return Err(self.syntax("a closing quote"));
                };
                self.rest = rest;
                self.item()?;
                Ok(Token::Element(element))
            }
            _ => self.unquoted(),
        }
    }

    #[inline]
    fn unquoted(&mut self) -> Result<Token<'a>> {
        let text = self.rest;
        let delimiter = self.delimiter;
        let ends = |byte: &u8| *byte == delimiter || matches!(byte, b'{' | b'}' | b'"' | b'\\');
        let length = text.iter().position(ends).unwrap_or(text.len());
        // What else than a delimiter or a bracket follows fails with the next token.
        if length == 0 {
            return Err(self.syntax("an element"));
        }
        let (raw, rest) = text.split_at(length);
        self.rest = rest;
        self.item()?;
        // In upper case only: the server quotes an element that is this word in any case.
        if raw == b"NULL" {
            return Ok(Token::Null);
        }
        Ok(Token::Element(Element::new(raw, false)))
    }

    /// Notes an element; all of them are equally deep.
    #[inline]
    fn item(&mut self) -> Result<()> {
        if self.leaf_depth != self.depth {
            if self.leaf_depth != 0 {
                return Err(Error::text("array", Reason::Ragged));
            }
            self.leaf_depth = self.depth;
        }
        self.state = State::Between;
        self.count += 1;
        Ok(())
    }

    fn begin(&mut self, rest: &'a [u8]) -> Result<Token<'a>> {
        if self.depth != 0 && self.leaf_depth == self.depth {
            return Err(Error::text("array", Reason::Ragged));
        }
        let Some(outer) = self.outer_counts.get_mut(self.depth) else {
            let limit = MAX_DIMENSIONS;
            return Err(Error::text("array", Reason::TooDeep { limit }));
        };
        *outer = self.count + 1;
        self.count = 0;
        self.depth += 1;
        self.rest = rest;
        self.state = State::Opened;
        Ok(Token::Begin)
    }

    fn end(&mut self, rest: &'a [u8]) -> Result<Token<'a>> {
        self.depth = self.depth.saturating_sub(1);
        let (Some(outer), Some(length)) = (
            self.outer_counts.get(self.depth),
            self.lengths.get_mut(self.depth),
        ) else {
            return Err(self.syntax("an array"));
        };
        if *length.get_or_insert(self.count) != self.count {
            return Err(Error::text("array", Reason::Ragged));
        }
        self.count = *outer;
        self.rest = rest;
        self.state = State::Between;
        if self.depth == 0 {
            self.state = State::Finished;
            if !rest.is_empty() {
                return Err(self.syntax("the end of the array"));
            }
        }
        Ok(Token::End)
    }

    #[cold]
    fn syntax(&self, expected: &'static str) -> Error {
        let found = Excerpt::of(self.rest);
        Error::text("array", Reason::Syntax { expected, found })
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Result<Token<'a>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Finished {
            return None;
        }
        let token = self.step();
        if token.is_err() {
            self.state = State::Finished;
        }
        Some(token)
    }
}

fn leading_bound(text: &[u8]) -> Option<(i32, &[u8])> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let (number, rest) = leading_number(digits)?;
    let number = i64::try_from(number).ok()?;
    let number = if negative { -number } else { number };
    Some((i32::try_from(number).ok()?, rest))
}

/// Appends an element of the text form, in quotes where it needs them; `None` is NULL.
pub fn encode_text_element(element: Option<&[u8]>, delimiter: u8, out: &mut Vec<u8>) {
    match element {
        None => out.extend_from_slice(b"NULL"),
        Some(value) if needs_quotes(value, delimiter) => write_quoted(value, out),
        Some(value) => out.extend_from_slice(value),
    }
}

/// Quotes an element that was appended to `out` from `start` on, if it needs quotes.
pub fn quote_text_element(out: &mut Vec<u8>, start: usize, delimiter: u8) {
    quote_tail(out, start, |value| needs_quotes(value, delimiter));
}

fn needs_quotes(value: &[u8], delimiter: u8) -> bool {
    value.is_empty()
        || value.eq_ignore_ascii_case(b"NULL")
        || value.iter().any(|byte| {
            *byte == delimiter || matches!(byte, b'{' | b'}' | b'"' | b'\\' | b' ' | b'\t'..=b'\r')
        })
}
