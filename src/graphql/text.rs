//! What the schema's own text says: of its fields, their types and who may ask for them; of what goes in, its types.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Value,
    indexmap::IndexMap,
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
    inputs: HashMap<Name, Input>,
}

type Fields = HashMap<Name, Field>;

/// A type of what goes in that is no scalar.
#[derive(Debug)]
pub enum Input {
    /// One of these names.
    Enum(HashSet<Name>),
    /// An object with these fields.
    Object(IndexMap<Name, InputField>),
}

/// A field of an object that goes in.
#[derive(Debug)]
pub struct InputField {
    /// Its type.
    pub ty: Type,
    /// Whether it may be left out though it may not be null.
    pub has_default: bool,
}

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
        let mut inputs = HashMap::new();
        for definition in parse_schema(sdl)?.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node;
            names.insert(name.clone());
            match definition.node.kind {
                TypeKind::Object(object) => {
                    let fields =
                        object.fields.into_iter().map(|field| (field.node.name.node.clone(), field.node.into()));
                    types.entry(name).or_default().extend(fields);
                }
                TypeKind::Enum(values) => {
                    let values = values.values.into_iter().map(|value| value.node.value.node);
                    inputs.insert(name, Input::Enum(values.collect()));
                }
                TypeKind::InputObject(object) => {
                    let fields = object.fields.into_iter().map(|field| {
                        let field = field.node;
                        let has_default = field.default_value.is_some();
                        (field.name.node, InputField { ty: field.ty.node, has_default })
                    });
                    inputs.insert(name, Input::Object(fields.collect()));
                }
                TypeKind::Scalar | TypeKind::Interface(_) | TypeKind::Union(_) => {}
            }
        }
        Ok(Self { names, types, inputs })
    }

    /// Whether there is a type of this name.
    pub fn has_type(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// A type of what goes in. `None`: it is a scalar, or there is none of this name.
    pub fn input(&self, name: &str) -> Option<&Input> {
        self.inputs.get(name)
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
