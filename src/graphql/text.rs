//! What the schema's own text says of its fields: their types, and who may ask for them.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Value,
    parser::{
        Error, parse_schema,
        types::{BaseType, FieldDefinition, Type, TypeKind, TypeSystemDefinition},
    },
};

use crate::auth::Role;

/// Types that no schema's text declares.
const BUILT_IN: [&str; 5] = ["Boolean", "Float", "ID", "Int", "String"];

/// The types of a schema.
#[derive(Debug)]
pub struct SchemaText {
    names: HashSet<Name>,
    /// Those that are objects.
    types: HashMap<Name, Fields>,
}

type Fields = HashMap<Name, Field>;

/// A field of an object type.
#[derive(Debug)]
pub struct Field {
    /// Its type.
    pub ty: Type,
    /// The least role that may ask for it. `None`: it does not say.
    pub role: Option<Role>,
}

impl SchemaText {
    /// Reads the schema definition language.
    pub fn parse(sdl: &str) -> Result<Self, Error> {
        let mut names: HashSet<_> = BUILT_IN.map(Name::new).into();
        let mut types: HashMap<Name, Fields> = HashMap::new();
        for definition in parse_schema(sdl)?.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node;
            names.insert(name.clone());
            if let TypeKind::Object(object) = definition.node.kind {
                let fields = object.fields.into_iter().map(|field| (field.node.name.node.clone(), field.node.into()));
                types.entry(name).or_default().extend(fields);
            }
        }
        Ok(Self { names, types })
    }

    /// Whether there is a type of this name.
    pub fn has_type(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// The fields of an object type. `None`: there is none of this name.
    pub fn fields(&self, type_name: &str) -> Option<&Fields> {
        self.types.get(type_name)
    }
}

impl Field {
    /// The name of its type, or of what that is a list of.
    pub fn type_name(&self) -> &str {
        let mut base = &self.ty.base;
        loop {
            match base {
                BaseType::Named(name) => return name,
                BaseType::List(item) => base = &item.base,
            }
        }
    }
}

impl From<FieldDefinition> for Field {
    fn from(field: FieldDefinition) -> Self {
        let says = field.directives.iter().find(|directive| directive.node.name.node == "access");
        let role = says.and_then(|directive| directive.node.arguments.first()).and_then(|(_, role)| match &role.node {
            Value::Enum(name) => Role::ALL.into_iter().find(|role| role.as_str().eq_ignore_ascii_case(name)),
            _ => None,
        });
        Self { ty: field.ty.node, role }
    }
}
