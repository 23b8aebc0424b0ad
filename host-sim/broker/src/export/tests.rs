//! One table in every form.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use bytes::Bytes;
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;

use super::{ExportError, Format, Writer};
use crate::table::{Column, Kind, Row, Value, column};

#[derive(Clone)]
struct Sample(Vec<Value>);

impl Row for Sample {
    const COLUMNS: &'static [Column] = &[
        column("name", Kind::Text),
        column("seats", Kind::Integer),
        column("trial", Kind::Boolean),
        column("ends_on", Kind::Day),
        column("seen_at", Kind::Instant),
    ];

    fn values(&self) -> Vec<Value> {
        self.0.clone()
    }
}

fn samples() -> [Sample; 3] {
    let null = || vec![Value::Null; 5];
    [
        Sample(vec![
            "=cmd|' /C calc'!A0".into(),
            Value::Integer(-3),
            true.into(),
            "2026-03-01".into(),
            "2026-03-01T12:00:00Z".into(),
        ]),
        Sample(null()),
        Sample(vec![
            "a \"b\", ü\n".into(),
            Value::Integer(i64::MAX),
            false.into(),
            "1969-12-31".into(),
            "1969-12-31T23:59:59.9995Z".into(),
        ]),
    ]
}

fn written(format: Format, rows: &[Sample]) -> Vec<u8> {
    let mut writer = Writer::of::<Sample>(format, Vec::new()).unwrap();
    for row in rows {
        writer.row(row).unwrap();
    }
    writer.finish().unwrap()
}

fn text(format: Format, rows: &[Sample]) -> String {
    String::from_utf8(written(format, rows)).unwrap()
}

#[test]
fn csv_is_defused_and_json_exact() {
    assert_eq!(
        text(Format::Csv, &samples()),
        "name,seats,trial,ends_on,seen_at\n\
         '=cmd|' /C calc'!A0,-3,true,2026-03-01,2026-03-01T12:00:00Z\n\
         ,,,,\n\
         \"a \"\"b\"\", ü\n\",9223372036854775807,false,1969-12-31,1969-12-31T23:59:59.9995Z\n"
    );
    let lines = "{\"name\":\"=cmd|' /C calc'!A0\",\"seats\":-3,\"trial\":true,\"ends_on\":\"2026-03-01\",\"seen_at\":\"2026-03-01T12:00:00Z\"}\n\
         {\"name\":null,\"seats\":null,\"trial\":null,\"ends_on\":null,\"seen_at\":null}\n\
         {\"name\":\"a \\\"b\\\", ü\\n\",\"seats\":9223372036854775807,\"trial\":false,\"ends_on\":\"1969-12-31\",\"seen_at\":\"1969-12-31T23:59:59.9995Z\"}\n";
    assert_eq!(text(Format::Ndjson, &samples()), lines);
    let array = text(Format::Json, &samples());
    assert_eq!(array, format!("[\n{}\n]\n", lines.trim_end().replace("}\n", "},\n")));
    assert!(serde_json::from_str::<serde_json::Value>(&array).unwrap().is_array());
}

#[test]
fn an_empty_table_is_a_file_as_well() {
    assert_eq!(text(Format::Csv, &[]), "name,seats,trial,ends_on,seen_at\n");
    assert_eq!(text(Format::Json, &[]), "[]\n");
    assert_eq!(text(Format::Ndjson, &[]), "");
    let reader = SerializedFileReader::new(Bytes::from(written(Format::Parquet, &[]))).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
}

#[test]
fn parquet_is_typed_and_read_back() {
    let reader = SerializedFileReader::new(Bytes::from(written(Format::Parquet, &samples()))).unwrap();
    let types: Vec<_> = reader
        .metadata()
        .file_metadata()
        .schema()
        .get_fields()
        .iter()
        .map(|field| {
            let info = field.get_basic_info();
            assert_eq!(info.repetition(), Repetition::OPTIONAL);
            (field.name().to_owned(), field.get_physical_type(), info.logical_type_ref().cloned())
        })
        .collect();
    assert_eq!(
        types,
        [
            ("name".to_owned(), Physical::BYTE_ARRAY, Some(LogicalType::String)),
            ("seats".to_owned(), Physical::INT64, None),
            ("trial".to_owned(), Physical::BOOLEAN, None),
            ("ends_on".to_owned(), Physical::INT32, Some(LogicalType::Date)),
            ("seen_at".to_owned(), Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
        ]
    );
    let rows: Vec<Vec<Field>> = reader
        .get_row_iter(None)
        .unwrap()
        .map(|row| row.unwrap().into_columns().into_iter().map(|(_, field)| field).collect())
        .collect();
    let expected = [
        vec![
            Field::Str("=cmd|' /C calc'!A0".to_owned()),
            Field::Long(-3),
            Field::Bool(true),
            Field::Date(20_513),
            Field::TimestampMillis(1_772_366_400_000),
        ],
        vec![Field::Null; 5],
        vec![
            Field::Str("a \"b\", ü\n".to_owned()),
            Field::Long(i64::MAX),
            Field::Bool(false),
            Field::Date(-1),
            Field::TimestampMillis(-1),
        ],
    ];
    assert_eq!(rows, expected);
}

#[test]
fn row_groups_are_bounded() {
    let count = super::parquet::ROWS + 1;
    let mut writer = Writer::of::<Sample>(Format::Parquet, Vec::new()).unwrap();
    for _ in 0..count {
        writer.row(&samples()[0]).unwrap();
    }
    let groups = |writer: Writer<Vec<u8>>| -> Vec<i64> {
        let reader = SerializedFileReader::new(Bytes::from(writer.finish().unwrap())).unwrap();
        reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect()
    };
    assert_eq!(groups(writer), [65_536, 1]);
    let mut writer = Writer::of::<Sample>(Format::Parquet, Vec::new()).unwrap();
    let mut long = samples()[0].clone();
    long.0[0] = "x".repeat(6 * 1024 * 1024).into();
    for _ in 0..4 {
        writer.row(&long).unwrap();
    }
    assert_eq!(groups(writer), [3, 1], "long texts fill one sooner");
}

#[test]
fn a_row_that_does_not_fit_is_no_row() {
    for format in Format::ALL {
        for (place, value, column) in [
            (0, Value::Integer(1), "name"),
            (1, "1".into(), "seats"),
            (2, Value::Integer(1), "trial"),
            (3, Value::Integer(1), "ends_on"),
            (4, true.into(), "seen_at"),
        ] {
            let mut values = samples()[0].values();
            values[place] = value;
            let error = Writer::of::<Sample>(format, Vec::new()).unwrap().row(&Sample(values)).unwrap_err();
            assert!(matches!(error, ExportError::Shape { column: named, .. } if named == column), "{format:?} {error}");
        }
        for count in [4, 6] {
            let mut values = samples()[0].values();
            values.resize(count, Value::Null);
            assert!(
                Writer::of::<Sample>(format, Vec::new()).unwrap().row(&Sample(values)).is_err(),
                "{format:?} {count}"
            );
        }
    }
    let mut values = samples()[0].values();
    values[3] = "soon".into();
    assert!(Writer::of::<Sample>(Format::Parquet, Vec::new()).unwrap().row(&Sample(values)).is_err());
    assert_eq!(Format::named("parquet"), Some(Format::Parquet));
    assert_eq!(Format::named("xlsx"), None);
}
