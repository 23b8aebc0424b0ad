//! Apache Parquet, for analysis.
//!
//! | kind | physical type | logical type |
//! | --- | --- | --- |
//! | text | `BYTE_ARRAY` | `STRING` |
//! | integer | `INT64` | |
//! | boolean | `BOOLEAN` | |
//! | day | `INT32` | `DATE` |
//! | instant | `INT64` | `TIMESTAMP`, milliseconds, UTC |
//!
//! Not compressed, but with dictionaries, which do most of it for columns whose texts come again.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use time::macros::date;

use super::{ExportError, misfit};
use crate::calendar::{day_of, parse_instant};
use crate::table::{Column, Kind, Value};

/// Rows of one row group, at most: what is kept in memory until it is written.
pub(super) const ROWS: usize = 65_536;

/// Bytes of text in one row group, after which the next begins.
const TEXT_BYTES: usize = 16 * 1024 * 1024;

/// A Parquet file under way.
pub(super) struct Parquet<W: Write + Send> {
    out: SerializedFileWriter<W>,
    columns: &'static [Column],
    group: Vec<Chunk>,
    rows: usize,
    text_bytes: usize,
}

impl<W: Write + Send> std::fmt::Debug for Parquet<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parquet").field("columns", &self.columns).field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// The values of one column of the row group, and for each row whether there is one.
#[derive(Debug, Default)]
struct Chunk {
    present: Vec<i16>,
    texts: Vec<ByteArray>,
    numbers: Vec<i64>,
    days: Vec<i32>,
    flags: Vec<bool>,
}

impl<W: Write + Send> Parquet<W> {
    pub(super) fn new(columns: &'static [Column], out: W) -> Result<Self, ExportError> {
        let fields = columns.iter().map(|column| field(column).map(Arc::new)).collect::<Result<_, _>>()?;
        let schema = Type::group_type_builder("table").with_fields(fields).build()?;
        let properties = WriterProperties::builder().set_created_by("license broker".to_owned()).build();
        let out = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
        let group = columns.iter().map(|_| Chunk::default()).collect();
        Ok(Self { out, columns, group, rows: 0, text_bytes: 0 })
    }

    pub(super) fn row(&mut self, values: Vec<Value>) -> Result<(), ExportError> {
        let texts = |value: &Value| if let Value::Text(text) = value { text.len() } else { 0 };
        self.text_bytes += values.iter().map(texts).sum::<usize>();
        for ((column, chunk), value) in self.columns.iter().zip(&mut self.group).zip(values) {
            chunk.add(column, value)?;
        }
        self.rows += 1;
        if self.rows >= ROWS || self.text_bytes >= TEXT_BYTES { self.flush() } else { Ok(()) }
    }

    pub(super) fn finish(mut self) -> Result<W, ExportError> {
        if self.rows > 0 {
            self.flush()?;
        }
        Ok(self.out.into_inner()?)
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        let mut group = self.out.next_row_group()?;
        for (column, chunk) in self.columns.iter().zip(&mut self.group) {
            let Some(mut writer) = group.next_column()? else { return Err(misfit(column)) };
            let present = Some(chunk.present.as_slice());
            match column.kind {
                Kind::Text => writer.typed::<ByteArrayType>().write_batch(&chunk.texts, present, None)?,
                Kind::Integer | Kind::Instant => {
                    writer.typed::<Int64Type>().write_batch(&chunk.numbers, present, None)?
                }
                Kind::Boolean => writer.typed::<BoolType>().write_batch(&chunk.flags, present, None)?,
                Kind::Day => writer.typed::<Int32Type>().write_batch(&chunk.days, present, None)?,
            };
            writer.close()?;
            *chunk = Chunk::default();
        }
        group.close()?;
        (self.rows, self.text_bytes) = (0, 0);
        Ok(())
    }
}

fn field(column: &Column) -> Result<Type, ExportError> {
    let (physical, logical) = match column.kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Integer => (Physical::INT64, None),
        Kind::Boolean => (Physical::BOOLEAN, None),
        Kind::Day => (Physical::INT32, Some(LogicalType::Date)),
        Kind::Instant => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
    };
    Ok(Type::primitive_type_builder(column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()?)
}

impl Chunk {
    fn add(&mut self, column: &Column, value: Value) -> Result<(), ExportError> {
        let misfit = || misfit(column);
        self.present.push(i16::from(value != Value::Null));
        match (column.kind, value) {
            (_, Value::Null) => {}
            (Kind::Text, Value::Text(text)) => self.texts.push(ByteArray::from(text.into_bytes())),
            (Kind::Integer, Value::Integer(number)) => self.numbers.push(number),
            (Kind::Boolean, Value::Boolean(flag)) => self.flags.push(flag),
            (Kind::Day, Value::Text(text)) => {
                let days = (day_of(&text).ok_or_else(misfit)? - date!(1970 - 01 - 01)).whole_days();
                self.days.push(i32::try_from(days).map_err(|_| misfit())?);
            }
            (Kind::Instant, Value::Text(text)) => {
                let nanoseconds = parse_instant(&text).ok_or_else(misfit)?.unix_timestamp_nanos();
                self.numbers.push(i64::try_from(nanoseconds.div_euclid(1_000_000)).map_err(|_| misfit())?);
            }
            (Kind::Text | Kind::Integer | Kind::Boolean | Kind::Day | Kind::Instant, _) => return Err(misfit()),
        }
        Ok(())
    }
}
