//! What an answer is to look like: its keys, in the order of the document (GraphQL specification, October 2021, sections
//! 6.3.2 and 7.2.2). async-graphql 7.2 orders them by when they were resolved.

use std::collections::HashSet;

use async_graphql::{
    Name, Value,
    indexmap::IndexMap,
    parser::types::{ExecutableDocument, Field, FragmentDefinition, Selection, SelectionSet},
};

use super::text::SchemaText;

/// The fields that are selected for one key: the first, and all their selections.
pub type Selected<'a> = (&'a Field, Vec<&'a SelectionSet>);

/// What a document selects.
#[derive(Clone, Copy)]
pub struct Selections<'a> {
    pub schema: &'a SchemaText,
    pub document: &'a ExecutableDocument,
}

impl<'a> Selections<'a> {
    /// The fields of an object, by key, in the order of the document, through its fragments.
    pub fn fields(self, type_name: &str, sets: &[&'a SelectionSet]) -> IndexMap<Name, Selected<'a>> {
        let mut selected = IndexMap::new();
        for set in sets {
            self.collect(type_name, set, &mut selected, &mut HashSet::new());
        }
        selected
    }

    fn collect(
        self,
        type_name: &str,
        set: &'a SelectionSet,
        selected: &mut IndexMap<Name, Selected<'a>>,
        visited: &mut HashSet<&'a str>,
    ) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let key = field.node.response_key().node.clone();
                    let (_, selections) = selected.entry(key).or_insert_with(|| (&field.node, Vec::new()));
                    selections.push(&field.node.selection_set.node);
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = self.document.fragments.get(name)
                        && visited.insert(name)
                    {
                        let FragmentDefinition { type_condition, selection_set, .. } = &fragment.node;
                        if self.applies(&type_condition.node.on.node, type_name) {
                            self.collect(type_name, &selection_set.node, selected, visited);
                        }
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    if condition.is_none_or(|condition| self.applies(&condition.node.on.node, type_name)) {
                        self.collect(type_name, &fragment.node.selection_set.node, selected, visited);
                    }
                }
            }
        }
    }

    /// Whether a fragment on a type is for objects of another: validation saw to it that what is no object type
    /// includes it.
    fn applies(self, condition: &str, type_name: &str) -> bool {
        condition == type_name || self.schema.fields(condition).is_none()
    }
}

/// The keys of an object in their order, and the shapes of those that are objects, or lists of objects, themselves.
pub struct Shape(Vec<(Name, Option<Self>)>);

impl Shape {
    /// The shape of what is selected of an object. `None`: only the answer tells, as of entities, whose types the caller
    /// names.
    pub fn of(selections: Selections<'_>, type_name: &str, sets: &[&SelectionSet]) -> Option<Self> {
        let types = selections.schema.fields(type_name)?;
        let fields = selections.fields(type_name, sets).into_iter();
        let shapes = fields.map(|(key, (field, sets))| {
            // Introspection is the library's own.
            let asked = types.get(&field.name.node).filter(|_| sets.iter().any(|set| !set.items.is_empty()));
            Some((key, asked.map_or(Some(None), |asked| Self::of(selections, asked.type_name(), &sets).map(Some))?))
        });
        shapes.collect::<Option<_>>().map(Self)
    }

    /// How many keys it has, with those below.
    pub fn keys(&self) -> usize {
        self.0.iter().map(|(_, below)| 1 + below.as_ref().map_or(0, Self::keys)).sum()
    }

    /// Puts the keys of an answer in order that has all of them.
    pub fn order(&self, answer: &mut Value) {
        match answer {
            Value::List(items) => items.iter_mut().for_each(|item| self.order(item)),
            Value::Object(fields) => {
                if !fields.keys().eq(self.0.iter().map(|(key, _)| key)) {
                    let mut ordered: IndexMap<_, _> =
                        self.0.iter().filter_map(|(key, _)| fields.swap_remove_entry(key)).collect();
                    ordered.append(fields);
                    *fields = ordered;
                }
                for (key, shape) in &self.0 {
                    if let Some(shape) = shape
                        && let Some(value) = fields.get_mut(key)
                    {
                        shape.order(value);
                    }
                }
            }
            _ => {}
        }
    }
}
