//! Many partitions of indexes read as one list, page by page.
//!
//! A list that many write is spread over partitions; people want it in one order. The heads of all partitions are read
//! side by side, the first entry of all is next, and a partition is read on when its head is used up. So a page reads a
//! little of each partition and never a whole one, however long they are.

use std::collections::VecDeque;

use futures::future::try_join_all;

use crate::layout::Index;
use crate::table::{Item, Key, Query, Table, TableError, text};

/// Requests at once; more would only wait for connections.
const AT_ONCE: usize = 32;
/// Entries of one request, at least: with keys of 150 bytes they fit into the half unit that any request costs.
const READ_MIN: i32 = 25;
/// Entries of one request, at most: 20 KB.
const READ_MAX: i32 = 130;
/// Pages in a row that may be empty and yet have a next one, before the index is taken to be out of reach.
const EMPTY_PAGES_MAX: usize = 10;

/// A partition of an index.
#[derive(Debug, Clone)]
pub struct Part {
    /// The index.
    pub index: Index,
    /// The partition.
    pub name: String,
}

/// Which entries, in which order.
#[derive(Debug, Clone)]
pub struct Span {
    /// Not before this range key.
    pub from: String,
    /// Not behind this one.
    pub upto: String,
    /// Entries up to this one were seen already.
    pub seen: Option<String>,
    /// Largest range key first.
    pub descending: bool,
}

/// The merged list, and how far it is read.
#[derive(Debug)]
pub struct Merged<'a> {
    table: &'a Table,
    span: Span,
    heads: Vec<Head>,
    read: i32,
}

#[derive(Debug)]
struct Head {
    part: Part,
    found: VecDeque<(String, Key)>,
    next: Option<Item>,
    is_over: bool,
}

impl<'a> Merged<'a> {
    /// A list over some partitions, of which about so many entries are wanted.
    pub fn new(table: &'a Table, parts: Vec<Part>, span: Span, wanted: usize) -> Self {
        let each = wanted / parts.len().max(1) + 1;
        let heads = parts.into_iter().map(|part| Head {
            part,
            found: VecDeque::new(),
            next: None,
            is_over: false,
        });
        Self {
            table,
            span,
            heads: heads.collect(),
            read: i32::try_from(each).unwrap_or(READ_MAX).clamp(READ_MIN, READ_MAX),
        }
    }

    /// The next entry: its range key, and the key of its item.
    ///
    /// # Errors
    /// When an index cannot be read.
    pub async fn next(&mut self) -> Result<Option<(String, Key)>, TableError> {
        self.read_on().await?;
        let heads = self.heads.iter().enumerate();
        let first = heads.filter_map(|(n, head)| Some((&head.found.front()?.0, n)));
        let first = if self.span.descending { first.max() } else { first.min() };
        let Some(n) = first.map(|(_, n)| n) else {
            return Ok(None);
        };
        Ok(self.heads.get_mut(n).and_then(|head| head.found.pop_front()))
    }

    /// Reads on in every partition whose head is used up.
    async fn read_on(&mut self) -> Result<(), TableError> {
        let (table, span, read) = (self.table, &self.span, self.read);
        let mut empty: Vec<&mut Head> = self
            .heads
            .iter_mut()
            .filter(|head| head.found.is_empty() && !head.is_over)
            .collect();
        for some in empty.chunks_mut(AT_ONCE) {
            try_join_all(some.iter_mut().map(|head| head.read_on(table, span, read))).await?;
        }
        Ok(())
    }
}

impl Head {
    async fn read_on(&mut self, table: &Table, span: &Span, read: i32) -> Result<(), TableError> {
        let mut bounds = (span.from.clone(), span.upto.clone());
        match &span.seen {
            Some(seen) if span.descending => bounds.1.clone_from(seen),
            Some(seen) => bounds.0.clone_from(seen),
            None => {}
        }
        if bounds.0 > bounds.1 {
            self.is_over = true;
            return Ok(());
        }
        let query = Query {
            descending: span.descending,
            ..Query::index(self.part.index, &self.part.name, read)
        }
        .range(
            "#range BETWEEN :from AND :upto",
            vec![(":from", bounds.0), (":upto", bounds.1)],
        );
        for _ in 0..EMPTY_PAGES_MAX {
            let page = table.query(&query, self.next.take()).await?;
            self.next = page.next;
            self.is_over = self.next.is_none();
            let range = self.part.index.range.unwrap_or_default();
            let entries = page
                .items
                .iter()
                .filter_map(|item| Some((text(item, range)?.to_owned(), Key::of(item)?)));
            // Bounds are part of the span; what was seen is not.
            self.found
                .extend(entries.filter(|(place, _)| span.seen.as_ref() != Some(place)));
            if self.is_over || !self.found.is_empty() {
                return Ok(());
            }
        }
        Err(TableError::Unavailable("empty pages of an index".to_owned()))
    }
}
