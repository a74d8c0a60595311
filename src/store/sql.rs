//! Statements that are kept as `.sql` files in the folder `sql`, with named parameters such as `$codes`.
//!
//! Comments in the files are a part of what the database prepares; `sql_log` leaves them out.

use diesel::{
    QueryResult,
    backend::Backend,
    query_builder::{AstPass, QueryFragment},
    result::Error::QueryBuilderError,
    serialize::ToSql,
    sql_types::HasSqlType,
};

/// Writes the text of a file into a query. The parameters are filled in the order in which the file has them.
pub struct SqlFile<'a, 'b, DB: Backend> {
    rest: &'static str,
    out: AstPass<'a, 'b, DB>,
}

impl<'a, 'b, DB: Backend> SqlFile<'a, 'b, DB> {
    pub const fn new(text: &'static str, out: AstPass<'a, 'b, DB>) -> Self {
        Self { rest: text, out }
    }

    /// Binds a value to the next parameter.
    pub fn bind<ST, Value: ToSql<ST, DB> + ?Sized>(&mut self, name: &str, value: &'b Value) -> QueryResult<()>
    where
        DB: HasSqlType<ST>,
    {
        self.push_up_to(name)?;
        self.out.push_bind_param(value)
    }

    /// Puts a part of a query in the place of the next parameter.
    pub fn insert(&mut self, name: &str, part: &'b impl QueryFragment<DB>) -> QueryResult<()> {
        self.push_up_to(name)?;
        part.walk_ast(self.out.reborrow())
    }

    /// Puts SQL text in the place of the next parameter.
    pub fn insert_text(&mut self, name: &str, text: &str) -> QueryResult<()> {
        self.push_up_to(name)?;
        self.out.push_sql(text);
        Ok(())
    }

    /// Writes the rest of the file, which must have no more parameters.
    pub fn finish(mut self) -> QueryResult<()> {
        if self.rest.contains('$') {
            return Err(QueryBuilderError("a parameter of a .sql file has no value".into()));
        }
        self.out.push_sql(self.rest);
        Ok(())
    }

    fn push_up_to(&mut self, name: &str) -> QueryResult<()> {
        let found = self.rest.split_once('$').and_then(|(before, after)| Some((before, after.strip_prefix(name)?)));
        let Some((before, after)) = found else {
            return Err(QueryBuilderError(format!("the next parameter of a .sql file is not ${name}").into()));
        };
        self.out.push_sql(before);
        self.rest = after;
        Ok(())
    }
}
