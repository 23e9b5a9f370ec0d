//! SQLite, in C: tables, joins, an index, an update.
fn main() -> rusqlite::Result<()> {
    let size = guests::size();
    let db = rusqlite::Connection::open_in_memory()?;
    db.execute_batch("create table module (id integer primary key, name text, size int); create table import (module int, name text);")?;
    let mut insert = db.prepare("insert into module values (?, ?, ?)")?;
    let mut import = db.prepare("insert into import values (?, ?)")?;
    db.execute_batch("begin")?;
    for (n, number) in guests::Numbers(3).take(size).enumerate() {
        insert.execute((n, format!("module {}", number % 999), number % 65536))?;
        import.execute((number % size, format!("import {}", number % 77)))?;
    }
    db.execute_batch("commit; create index by_name on module (name);")?;
    let mut query = db.prepare(
        "select import.name, count(*), sum(size), max(module.name) from import join module on module.id = import.module
         where module.name like 'module 1%' and size > 1000 group by import.name order by 3 desc")?;
    let rows = query.query_map([], |row| Ok(row.get::<_, i64>(1)? + row.get::<_, i64>(2)?))?;
    let sum: i64 = rows.map(|row| row.unwrap()).sum();
    let changed = db.execute("update module set size = size + length(name) where name in (select name from import join module using (name) union select 'module 7')", [])?;
    println!("{sum} {changed}");
    Ok(())
}
