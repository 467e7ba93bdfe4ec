//! The tokens of CREATE EXTERNAL TABLE, one after the other: words, texts, columns and their types.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use sqlparser::ast::{Ident, ObjectName};
use sqlparser::tokenizer::{Span, Token, Word};

use super::fault;
use crate::error::{Error, Result, Said};

/// Types inside one another at most.
const DEPTH_MAX: usize = 32;

/// Where the reading is.
pub(super) struct Cursor {
    tokens: Vec<Token>,
    next: usize,
}

impl Cursor {
    pub(super) fn new(tokens: Vec<Token>) -> Self {
        Self { tokens, next: 0 }
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(Word { value, quote_style: None, .. })) if value.eq_ignore_ascii_case(word))
    }

    /// Takes these words, if all are there.
    pub(super) fn takes(&mut self, words: &[&str]) -> bool {
        let start = self.next;
        for word in words {
            if !self.is_word(word) {
                self.next = start;
                return false;
            }
            self.next += 1;
        }
        true
    }

    fn take(&mut self, token: &Token) -> bool {
        let is_next = self.peek() == Some(token);
        self.next += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, token: &Token) -> Result<()> {
        if self.take(token) { Ok(()) } else { Err(self.unexpected(&token.to_string())) }
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.takes(&[word]) { Ok(()) } else { Err(self.unexpected(word)) }
    }

    fn unexpected(&self, wanted: &str) -> Error {
        let found = match self.peek() {
            None => "the end".to_owned(),
            // A text may hold anything.
            Some(Token::Word(word)) => word.value.clone(),
            Some(Token::SingleQuotedString(_)) => "a text".to_owned(),
            Some(token) => token.to_string(),
        };
        fault("CREATE EXTERNAL TABLE cannot be read", wanted).with("found", &Said(&found))
    }

    pub(super) fn word(&mut self) -> Option<Word> {
        let Some(Token::Word(word)) = self.peek() else { return None };
        let word = word.clone();
        self.next += 1;
        Some(word)
    }

    pub(super) fn text(&mut self) -> Result<String> {
        match self.peek() {
            Some(Token::SingleQuotedString(text)) => {
                let text = text.clone();
                self.next += 1;
                Ok(text)
            }
            _ => Err(self.unexpected("a text in single quotes")),
        }
    }

    /// The words up to the next thing that is none.
    pub(super) fn clause(&self) -> String {
        let rest = self.tokens.iter().skip(self.next);
        let words: Vec<&str> = rest
            .map_while(|token| match token {
                Token::Word(word) => Some(word.value.as_str()),
                _ => None,
            })
            .take(4)
            .collect();
        if words.is_empty() { self.peek().map(ToString::to_string).unwrap_or_default() } else { words.join(" ") }
    }

    pub(super) fn name(&mut self) -> Result<ObjectName> {
        let mut parts: Vec<Ident> = Vec::new();
        loop {
            let word = self.word().ok_or_else(|| self.unexpected("a name"))?;
            parts.push(Ident { value: word.value, quote_style: word.quote_style, span: Span::empty() });
            if !self.take(&Token::Period) {
                return Ok(ObjectName::from(parts));
            }
        }
    }

    /// `('key' = 'value', …)`
    pub(super) fn properties(&mut self) -> Result<Vec<(String, String)>> {
        self.expect(&Token::LParen)?;
        let mut properties = Vec::new();
        loop {
            let key = self.text()?;
            self.expect(&Token::Eq)?;
            properties.push((key, self.text()?));
            if self.take(&Token::RParen) {
                return Ok(properties);
            }
            self.expect(&Token::Comma)?;
        }
    }

    /// `(name type [COMMENT 'text'], …)`
    pub(super) fn columns(&mut self) -> Result<Vec<Field>> {
        self.expect(&Token::LParen)?;
        let mut columns = Vec::new();
        loop {
            let name = self.column_name()?;
            let data_type = self.data_type(0)?;
            if self.takes(&["COMMENT"]) {
                self.text()?;
            }
            columns.push(Field::new(name, data_type, true));
            if self.take(&Token::RParen) {
                return Ok(columns);
            }
            self.expect(&Token::Comma)?;
        }
    }

    fn column_name(&mut self) -> Result<String> {
        let word = self.word().ok_or_else(|| self.unexpected("a column"))?;
        Ok(if word.quote_style.is_some() { word.value } else { word.value.to_lowercase() })
    }

    fn data_type(&mut self, depth: usize) -> Result<DataType> {
        if depth > DEPTH_MAX {
            return Err(fault("a type nests too deeply", "at most 32 types inside one another"));
        }
        let word = self.word().ok_or_else(|| self.unexpected("a type"))?;
        Ok(match word.value.to_ascii_lowercase().as_str() {
            "string" => DataType::Utf8,
            "varchar" | "char" => {
                self.numbers()?;
                DataType::Utf8
            }
            "boolean" => DataType::Boolean,
            "tinyint" => DataType::Int8,
            "smallint" => DataType::Int16,
            "int" | "integer" => DataType::Int32,
            "bigint" => DataType::Int64,
            "float" | "real" => DataType::Float32,
            "double" => DataType::Float64,
            "date" => DataType::Date32,
            "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, None),
            "binary" => DataType::Binary,
            "decimal" => self.decimal()?,
            "array" => {
                self.expect(&Token::Lt)?;
                let element = self.data_type(depth + 1)?;
                self.close()?;
                DataType::List(Arc::new(Field::new("item", element, true)))
            }
            "map" => {
                self.expect(&Token::Lt)?;
                let key = self.data_type(depth + 1)?;
                self.expect(&Token::Comma)?;
                let value = self.data_type(depth + 1)?;
                self.close()?;
                let entries = [Field::new("keys", key, false), Field::new("values", value, true)];
                let entries = DataType::Struct(Fields::from(entries.to_vec()));
                DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
            }
            "struct" => self.members(depth)?,
            other => {
                return Err(Error::usage("the type is not supported")
                    .with("code", &Said("42704"))
                    .with("type", &Said(other))
                    .hint(
                        "known are string, varchar, char, boolean, tinyint, smallint, int, bigint, float, double, \
                         decimal(p,s), date, timestamp, binary, array<…>, map<…> and struct<…>",
                    ));
            }
        })
    }

    fn members(&mut self, depth: usize) -> Result<DataType> {
        self.expect(&Token::Lt)?;
        let mut members = Vec::new();
        loop {
            let name = self.column_name()?;
            self.expect(&Token::Colon)?;
            members.push(Field::new(name, self.data_type(depth + 1)?, true));
            if !self.take(&Token::Comma) {
                self.close()?;
                return Ok(DataType::Struct(members.into()));
            }
        }
    }

    /// Takes one `>`; the tokenizer reads two as one token.
    fn close(&mut self) -> Result<()> {
        if self.peek() == Some(&Token::ShiftRight)
            && let Some(token) = self.tokens.get_mut(self.next)
        {
            *token = Token::Gt;
            return Ok(());
        }
        self.expect(&Token::Gt)
    }

    fn decimal(&mut self) -> Result<DataType> {
        let numbers = self.numbers()?;
        let (precision, scale) = match numbers.as_slice() {
            [] => (10, 0),
            [precision] => (*precision, 0),
            [precision, scale, ..] => (*precision, *scale),
        };
        let fits = (1..=38).contains(&precision) && scale <= precision;
        let scale = i8::try_from(scale).ok().filter(|_| fits);
        scale
            .map(|scale| DataType::Decimal128(precision, scale))
            .ok_or_else(|| fault("no such decimal", "decimal(38, 18)"))
    }

    /// `(10, 2)`, if it is there.
    fn numbers(&mut self) -> Result<Vec<u8>> {
        let mut numbers = Vec::new();
        if !self.take(&Token::LParen) {
            return Ok(numbers);
        }
        loop {
            let Some(Token::Number(text, _)) = self.peek() else { return Err(self.unexpected("a number")) };
            // The length of a varchar is not kept.
            numbers.push(text.parse().unwrap_or(u8::MAX));
            self.next += 1;
            if self.take(&Token::RParen) {
                return Ok(numbers);
            }
            self.expect(&Token::Comma)?;
        }
    }
}
