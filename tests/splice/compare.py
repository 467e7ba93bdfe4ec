"""A second opinion on spliced files, of pyarrow and DuckDB.

Reads a JSON array of {name, source, masked, kept, tokens, id_at_least} and prints one line for each thing that
differs between a source and its masked file. `tokens` maps a few tokens to the rows that must hold them.
"""

import json
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq


def literal(text):
    return "'" + text.replace("'", "''") + "'"


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def values(column):
    """As text, since NaN is not equal to itself; instants as numbers, since Python's have no nanoseconds."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return repr(column.to_pylist())


def by_pyarrow(case):
    total = pq.read_metadata(case["source"]).num_rows
    for name in case["kept"]:
        try:
            before = pq.read_table(case["source"], columns=[name]).column(name)
        except (NotImplementedError, OSError):
            continue  # what pyarrow cannot read of the source it need not read of the masked file
        after = pq.read_table(case["masked"], columns=[name]).column(name)
        if before.type != after.type:
            yield f"{name}: {before.type} became {after.type}"
        elif values(before) != values(after):
            yield f"{name}: values differ"
    filterable = not pa.types.is_string_view(pq.read_schema(case["masked"]).field("secret").type)
    for token, rows in case["tokens"].items() if filterable else ():
        found = pq.read_table(case["masked"], columns=["id"], filters=[("secret", "=", token)]).num_rows
        if found != rows:
            yield f"filter by token: {found} rows, not {rows}"
    least = case["id_at_least"]
    found = pq.read_table(case["masked"], columns=["id"], filters=[("id", ">=", least)]).num_rows
    if found != total - least:
        yield f"filter by id: {found} rows"


def by_duckdb(case, connection):
    def ask(sql):
        return connection.sql(sql).fetchall()

    source, masked = literal(case["source"]), literal(case["masked"])
    try:
        total = len(ask(f"SELECT {', '.join(map(quoted, case['kept']))} FROM {source}"))
    except duckdb.Error:
        return  # a codec that DuckDB cannot read (the old framing of LZ4), and it is copied as it is
    for name in case["kept"]:
        column = quoted(name)
        types = [str(connection.sql(f"SELECT {column} FROM {file}").types[0]) for file in (source, masked)]
        if types[0] != types[1]:
            yield f"{name}: {types[0]} became {types[1]}"
        cells = [repr(ask(f"SELECT {column} FROM {file} ORDER BY id")) for file in (source, masked)]
        if cells[0] != cells[1]:
            yield f"{name}: values differ"
    for token, rows in case["tokens"].items():
        found = ask(f"SELECT count(*) FROM {masked} WHERE secret = {literal(token)}")[0][0]
        if found != rows:
            yield f"filter by token: {found} rows, not {rows}"
    found = ask(f"SELECT count(*) FROM {masked} WHERE id >= {case['id_at_least']}")[0][0]
    if found != total - case["id_at_least"]:
        yield f"filter by id: {found} rows"


def main():
    connection = duckdb.connect()
    connection.sql("SET preserve_insertion_order = true")
    for case in json.load(sys.stdin):
        for reader, faults in (("pyarrow", by_pyarrow(case)), ("duckdb", by_duckdb(case, connection))):
            try:
                for fault in faults:
                    print(f"{case['name']}: {reader}: {fault}")
            except Exception as error:  # what cannot be read differs as well
                print(f"{case['name']}: {reader}: {type(error).__name__}: {error}")


main()
