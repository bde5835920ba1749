//! A write to the table before it is sent: which item, what becomes of it, on what condition.
//!
//! Expressions are written as DynamoDB reads them. Every `#name` in one stands for the attribute of that name, so no
//! reserved word ever surprises anybody; values go in beside them. Knows no client and no name of a table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update};
use serde::Serialize;
use serde_dynamo::aws_sdk_dynamodb_1 as dynamo;

use crate::layout::{PK, SK};
use crate::table::{Item, text, write};
use crate::table_error::TableError;

/// Where an item is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Partition.
    pub pk: String,
    /// Place in it.
    pub sk: String,
}

impl Key {
    /// A key.
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self {
            pk: pk.into(),
            sk: sk.into(),
        }
    }

    pub(crate) fn item(&self) -> Item {
        HashMap::from([
            (PK.to_owned(), AttributeValue::S(self.pk.clone())),
            (SK.to_owned(), AttributeValue::S(self.sk.clone())),
        ])
    }

    /// The key of an item.
    pub fn of(item: &Item) -> Option<Self> {
        Some(Self::new(text(item, PK)?, text(item, SK)?))
    }
}

/// What a transaction may do with an item beside writing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Other {
    Delete,
    Look,
}

/// One conditional write, on its own or in a transaction.
#[derive(Debug, Clone)]
pub struct Change {
    pub(crate) key: Key,
    pub(crate) put: Option<Item>,
    /// In a transaction only: the item is deleted, or only looked at.
    other: Option<Other>,
    expression: Vec<String>,
    pub(crate) condition: Option<String>,
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: Item,
    problem: Option<String>,
}

impl Change {
    /// Changes attributes of an item, or makes it: `update(key, "SET #seq = :next REMOVE #inflight")`.
    pub fn update(key: Key, expression: &str) -> Self {
        Self::new(key, None).and(expression)
    }

    /// Writes a whole item.
    pub fn put<T: Serialize>(key: Key, value: &T) -> Self {
        match write(value) {
            Ok(mut item) => {
                item.extend(key.item());
                item.insert(
                    "sv".to_owned(),
                    AttributeValue::N(redial_domain::SCHEMA_VERSION.to_string()),
                );
                Self::new(key, Some(item))
            }
            Err(error) => Self {
                problem: Some(error.to_string()),
                ..Self::new(key, None)
            },
        }
    }

    /// Deletes an item, in a transaction.
    pub fn delete(key: Key) -> Self {
        Self {
            other: Some(Other::Delete),
            ..Self::new(key, None)
        }
    }

    /// Changes nothing: the transaction is made only if the condition holds.
    pub fn look(key: Key) -> Self {
        Self {
            other: Some(Other::Look),
            ..Self::new(key, None)
        }
    }

    fn new(key: Key, put: Option<Item>) -> Self {
        Self {
            key,
            put,
            other: None,
            expression: vec![],
            condition: None,
            names: HashMap::new(),
            values: Item::new(),
            problem: None,
        }
    }

    /// One more piece of an update expression. Pieces of one verb are joined: `SET a` and `SET b` become `SET a, b`.
    #[must_use]
    pub fn and(mut self, expression: &str) -> Self {
        self.learn(expression);
        self.expression.push(expression.to_owned());
        self
    }

    /// Only if this holds.
    #[must_use]
    pub fn when(mut self, condition: &str) -> Self {
        self.learn(condition);
        self.condition = Some(condition.to_owned());
        self
    }

    /// A value of the expressions.
    #[must_use]
    pub fn value<T: Serialize>(mut self, name: &str, value: T) -> Self {
        match dynamo::to_attribute_value(value) {
            Ok(value) => {
                self.values.insert(name.to_owned(), value);
            }
            Err(error) => self.problem = Some(error.to_string()),
        }
        self
    }

    /// A value that already is an attribute.
    #[must_use]
    pub fn attribute(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    /// A set of texts; plain lists become lists.
    #[must_use]
    pub fn text_set(mut self, name: &str, values: Vec<String>) -> Self {
        self.values.insert(name.to_owned(), AttributeValue::Ss(values));
        self
    }

    /// An attribute whose name is data.
    #[must_use]
    pub fn name(mut self, placeholder: &str, attribute: &str) -> Self {
        self.names.insert(placeholder.to_owned(), attribute.to_owned());
        self
    }

    /// One more attribute of a put.
    #[must_use]
    pub fn with(mut self, name: &str, value: AttributeValue) -> Self {
        if let Some(item) = &mut self.put {
            item.insert(name.to_owned(), value);
        }
        self
    }

    /// The bytes that DynamoDB charges for, of a put: names and values.
    pub fn item(&self) -> Option<&Item> {
        self.put.as_ref()
    }

    fn learn(&mut self, expression: &str) {
        for piece in expression.split('#').skip(1) {
            let name: String = piece
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            self.names.entry(format!("#{name}")).or_insert(name);
        }
    }

    pub(crate) fn expression(&self) -> Option<String> {
        let verbs = ["SET", "REMOVE", "ADD", "DELETE"];
        let mut joined = String::new();
        for verb in verbs {
            let clauses: Vec<&str> = self
                .expression
                .iter()
                .flat_map(|piece| split_clauses(piece, &verbs))
                .filter(|(of, _)| *of == verb)
                .map(|(_, clause)| clause)
                .collect();
            if !clauses.is_empty() {
                joined.push_str(&format!("{verb} {} ", clauses.join(", ")));
            }
        }
        (!joined.is_empty()).then(|| joined.trim_end().to_owned())
    }

    pub(crate) fn check(&self) -> Result<(), TableError> {
        self.problem
            .clone()
            .map_or(Ok(()), |problem| Err(TableError::Corrupt(problem)))
    }

    pub(crate) fn in_transaction(self) -> Result<TransactWriteItem, TableError> {
        self.check()?;
        let expression = self.expression();
        let names = (!self.names.is_empty()).then_some(self.names);
        let values = (!self.values.is_empty()).then_some(self.values);
        let corrupt = |error: aws_sdk_dynamodb::error::BuildError| TableError::Corrupt(error.to_string());
        if let Some(other) = self.other {
            let item = TransactWriteItem::builder();
            return Ok(match other {
                Other::Delete => item.delete(
                    Delete::builder()
                        .set_key(Some(self.key.item()))
                        .set_condition_expression(self.condition)
                        .set_expression_attribute_names(names)
                        .set_expression_attribute_values(values)
                        .table_name("")
                        .build()
                        .map_err(corrupt)?,
                ),
                Other::Look => item.condition_check(
                    ConditionCheck::builder()
                        .set_key(Some(self.key.item()))
                        .set_condition_expression(self.condition)
                        .set_expression_attribute_names(names)
                        .set_expression_attribute_values(values)
                        .table_name("")
                        .build()
                        .map_err(corrupt)?,
                ),
            }
            .build());
        }
        let item = match self.put {
            Some(item) => TransactWriteItem::builder().put(
                Put::builder()
                    .set_item(Some(item))
                    .set_condition_expression(self.condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .table_name("")
                    .build()
                    .map_err(corrupt)?,
            ),
            None => TransactWriteItem::builder().update(
                Update::builder()
                    .set_key(Some(self.key.item()))
                    .set_update_expression(expression)
                    .set_condition_expression(self.condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .table_name("")
                    .build()
                    .map_err(corrupt)?,
            ),
        };
        Ok(item.build())
    }
}

/// Splits `SET a = b REMOVE c` into its clauses by verb.
fn split_clauses<'a>(piece: &'a str, verbs: &[&'static str]) -> Vec<(&'static str, &'a str)> {
    let mut starts: Vec<(usize, &'static str)> = verbs
        .iter()
        .flat_map(|verb| {
            piece.match_indices(verb).filter_map(move |(at, _)| {
                let before = at == 0 || piece.as_bytes()[at - 1] == b' ';
                let after = piece.as_bytes().get(at + verb.len()) == Some(&b' ');
                (before && after).then_some((at, *verb))
            })
        })
        .collect();
    starts.sort_unstable();
    let ends = starts.iter().skip(1).map(|(at, _)| *at).chain([piece.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|((at, verb), end)| (*verb, piece[at + verb.len()..end].trim()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_an_expression_are_joined_by_verb() {
        let change = Change::update(Key::new("a", "b"), "SET #x = :x REMOVE #y")
            .and("SET #z = #seq + :one")
            .and("ADD #n :one");
        assert_eq!(
            change.expression().unwrap(),
            "SET #x = :x, #z = #seq + :one REMOVE #y ADD #n :one"
        );
        assert_eq!(change.names["#seq"], "seq");
    }
}
