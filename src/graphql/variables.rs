//! The values of variables, held against their types before anything is executed (GraphQL specification, October 2021,
//! section 6.1.2).
//!
//! async-graphql 7.2 looks at them where they are used, while it validates the document, which most documents that are
//! known are spared (see [`super::known`]).

use async_graphql::{
    Name, Value, Variables,
    indexmap::IndexMap,
    parser::types::{BaseType, OperationDefinition, Type},
};

use super::text::{Input, InputField, SchemaText};

/// What is wrong with the first variable of an operation whose value is not of its type.
pub fn misfit(schema: &SchemaText, operation: &OperationDefinition, variables: &Variables) -> Option<String> {
    operation.variable_definitions.iter().find_map(|definition| {
        let definition = &definition.node;
        let (name, ty) = (&definition.name.node, &definition.var_type.node);
        let misfit = match variables.get(name) {
            Some(value) => Fit { schema, at: String::new() }.value(ty, value).err(),
            None if ty.nullable || definition.default_value.is_some() => None,
            None => Some(Misfit { at: String::new(), wanted: ty.to_string() }),
        };
        let Misfit { at, wanted } = misfit?;
        Some(format!("The variable \"${name}\" has no value of its type: \"{name}{at}\" must be {wanted}."))
    })
}

/// The defaults of those variables of an operation that were given no value.
pub fn defaults(operation: &OperationDefinition, given: &Variables) -> Vec<(Name, Value)> {
    let definitions = operation.variable_definitions.iter().map(|definition| &definition.node);
    let missing = definitions.filter(|definition| !given.contains_key(&definition.name.node));
    missing
        .filter_map(|definition| Some((definition.name.node.clone(), definition.default_value.clone()?.node)))
        .collect()
}

/// A value that is not of its type.
struct Misfit {
    /// Where it is, below the variable.
    at: String,
    /// What it should be.
    wanted: String,
}

struct Fit<'a> {
    schema: &'a SchemaText,
    at: String,
}

impl Fit<'_> {
    fn value(&mut self, ty: &Type, value: &Value) -> Result<(), Misfit> {
        match (&ty.base, value) {
            (_, Value::Null) if ty.nullable => Ok(()),
            (_, Value::Null) => Err(self.misfit(ty)),
            (BaseType::List(item), Value::List(items)) => items
                .iter()
                .enumerate()
                .try_for_each(|(index, value)| self.below(&index.to_string(), |fit| fit.value(item, value))),
            // One value is a list of one.
            (BaseType::List(item), value) => self.value(item, value),
            (BaseType::Named(name), value) => match self.schema.input(name) {
                Some(Input::Object(fields)) => self.object(ty, fields, value),
                Some(Input::Enum(names)) => match value {
                    Value::String(text) if names.contains(text.as_str()) => Ok(()),
                    _ => Err(self.misfit(ty)),
                },
                None if is_scalar(name, value) => Ok(()),
                None => Err(self.misfit(ty)),
            },
        }
    }

    fn object(&mut self, ty: &Type, fields: &IndexMap<Name, InputField>, value: &Value) -> Result<(), Misfit> {
        let Value::Object(values) = value else { return Err(self.misfit(ty)) };
        for (name, field) in fields {
            match values.get(name) {
                Some(value) => self.below(name, |fit| fit.value(&field.ty, value))?,
                None if field.ty.nullable || field.has_default => {}
                None => return self.below(name, |fit| Err(fit.misfit(&field.ty))),
            }
        }
        match values.keys().find(|name| !fields.contains_key(*name)) {
            Some(unknown) => Err(Misfit { at: format!("{}.{unknown}", self.at), wanted: "left out".to_owned() }),
            None => Ok(()),
        }
    }

    fn misfit(&self, ty: &Type) -> Misfit {
        Misfit { at: self.at.clone(), wanted: ty.to_string() }
    }

    fn below<T>(&mut self, segment: &str, work: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.at.len();
        self.at.push('.');
        self.at.push_str(segment);
        let result = work(self);
        self.at.truncate(length);
        result
    }
}

/// Whether a value is of a scalar type. The schema's own scalars say themselves what they take, by the field's name.
fn is_scalar(name: &str, value: &Value) -> bool {
    match (name, value) {
        ("Int", Value::Number(number)) => number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        ("Float", Value::Number(_)) | ("String" | "ID", Value::String(_)) | ("Boolean", Value::Boolean(_)) => true,
        ("ID", Value::Number(number)) => number.is_i64(),
        ("Int" | "Float" | "String" | "ID" | "Boolean", _) => false,
        _ => true,
    }
}
