//! From a call to its response: the document is read and judged, then executed, and the response put right.

use std::sync::Arc;

use async_graphql::{
    EmptySubscription, Request, Response, Schema, ValidationMode, Variables, parser::types::OperationDefinition,
};
use metrics::{Counter, counter};

use super::{
    builder, completion,
    documents::{Documents, PersistedDocuments},
    error::{self, ErrorCode},
    federation::{self, SubgraphQuery},
    guard::{self, DocumentLimits},
    known::{Facts, Known},
    loaders::Loaders,
    mutation::Mutation,
    refused::{self, Refusal, Refused},
    sdl,
    shape::Selections,
    text::SchemaText,
    variables,
};
use crate::{
    auth::{Limiter, Principal, Role},
    promotions::PromotionService,
};

/// The schema over a running service.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

type PublicSchema = Schema<SubgraphQuery, Mutation, EmptySubscription>;

struct Inner {
    schema: PublicSchema,
    /// The same, for documents that it has found valid, and would again.
    schema_for_valid: PublicSchema,
    text: SchemaText,
    services: Services,
    documents: Documents,
    hits: Counter,
    misses: Counter,
    persisted: PersistedDocuments,
    limits: DocumentLimits,
}

/// What the operations of a document are executed on.
pub struct Services {
    /// For mutations, which see what they have just changed.
    pub changes: Arc<PromotionService>,
    /// For queries, which may see the past.
    pub queries: Arc<PromotionService>,
}

/// What an operator may choose.
#[derive(Debug, Default)]
pub struct ApiSettings {
    /// The documents that callers may name.
    pub persisted: PersistedDocuments,
    /// Whether the schema may be looked into: introspection, and suggestions for misspelt names.
    pub introspection: bool,
    /// How much a document may ask for.
    pub limits: DocumentLimits,
}

/// What a caller asks for.
pub struct Call {
    /// The document.
    pub document: Document,
    /// Which of its operations. `None`: the only one.
    pub operation_name: Option<String>,
    /// The values of its variables.
    pub variables: Variables,
    /// Whether it came in a way that must not change anything.
    pub queries_only: bool,
}

/// A document, as callers tell it.
pub enum Document {
    /// By its text.
    Text(String),
    /// By the id of a persisted document.
    Id(String),
}

/// A call that may be executed.
pub struct Prepared {
    document: Arc<Known>,
    /// The document's text, if it is not kept yet.
    unkept: Option<String>,
    operation_name: Option<String>,
    variables: Variables,
    load: usize,
}

impl Prepared {
    /// How many values it reads and answers with, if every page that it asks for is full.
    #[must_use]
    pub const fn load(&self) -> usize {
        self.load
    }

    /// The name of its operation, if it has one: a name in the document, so no longer than those may be.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.document.name(self.operation_name.as_deref())
    }

    /// Whether it may change anything.
    #[must_use]
    pub fn is_mutation(&self) -> bool {
        self.operation().is_some_and(|(_, facts)| facts.is_mutation)
    }

    fn operation(&self) -> Option<(&OperationDefinition, &Facts)> {
        self.document.operation(self.operation_name.as_deref())
    }
}

impl Api {
    /// Builds the schema over a service.
    ///
    /// # Panics
    /// If the library can't read its own text of the schema, which a test would show.
    #[must_use]
    pub fn new(services: Services, limiter: &Arc<Limiter>, settings: ApiSettings) -> Self {
        let service_sdl = if settings.introspection { federation::SERVICE } else { federation::CLOSED_SERVICE };
        let text = SchemaText::parse(&[&sdl(), federation::ENTITIES, service_sdl].concat());
        let text = text.expect("the schema's text is well-formed");
        let built = |mode| {
            let schema = builder().data(Arc::clone(limiter)).validation_mode(mode);
            if settings.introspection { schema } else { schema.disable_introspection().disable_suggestions() }.finish()
        };
        let [schema, schema_for_valid] = [ValidationMode::Strict, ValidationMode::Fast].map(built);
        let ApiSettings { persisted, limits, .. } = settings;
        let [hits, misses] = ["hit", "miss"].map(|cache| counter!("promolink_documents_total", "cache" => cache));
        let documents = Documents::new();
        Self(Arc::new(Inner { schema, schema_for_valid, text, services, documents, hits, misses, persisted, limits }))
    }

    /// Reads and judges what a caller asks for. Nothing is executed yet.
    pub fn prepare(&self, call: Call, principal: &Principal) -> Result<Prepared, Refused> {
        let Call { document, operation_name, variables, queries_only } = call;
        let text = self.text_of(document, principal)?;
        let kept = self.0.documents.get(&text);
        if kept.is_some() { &self.0.hits } else { &self.0.misses }.increment(1);
        let (document, unkept) = if let Some(document) = kept {
            (document, None)
        } else {
            let document = guard::parse(&text, &self.0.text, &self.0.limits)?;
            (Arc::new(Known::new(document, &self.0.text)), Some(text))
        };
        let load = guard::load(&document.document, operation_name.as_deref(), &variables, &self.0.limits)?;
        let mut prepared = Prepared { document, unkept, operation_name, variables, load };
        // Which of its operations is meant, validation says.
        let Some((operation, facts)) = prepared.operation() else { return Ok(prepared) };
        if queries_only && facts.is_mutation {
            return Err(Refused::new(Refusal::MutationByGet, error::bad_request("A mutation must be sent by POST.")));
        }
        if let Some(key) = &facts.repeated_change {
            let message = format!("The mutation selects \"{key}\" more than once; give each an alias.");
            return Err(Refused::document(ErrorCode::GraphqlValidationFailed, message));
        }
        if let Some(forbidden) = facts.demands.forbidden(principal.role) {
            let reason = format_args!("the credential's role is {}", principal.role);
            let error = error::forbidden(&forbidden.field, reason).into_server_error(forbidden.position);
            return Err(Refused::new(Refusal::Forbidden, error));
        }
        if let Some(misfit) = variables::misfit(&self.0.text, operation, &prepared.variables) {
            return Err(Refused::document(ErrorCode::BadUserInput, refused::shortened(misfit)));
        }
        // The library forgets them where a directive asks.
        for (name, default) in variables::defaults(operation, &prepared.variables) {
            prepared.variables.insert(name, default);
        }
        Ok(prepared)
    }

    /// Executes a call on behalf of a caller.
    pub async fn execute(&self, call: Prepared, principal: Principal) -> Result<Response, Refused> {
        let Inner { text, services, documents, .. } = &*self.0;
        let is_valid = call.unkept.is_none() && call.document.stays_valid;
        let schema = if is_valid { &self.0.schema_for_valid } else { &self.0.schema };
        let service = if call.is_mutation() { &services.changes } else { &services.queries };
        let Prepared { document, unkept, operation_name, variables, .. } = call;
        let (operation, facts) = document.operation(operation_name.as_deref()).unzip();
        let shape = facts.and_then(|facts| facts.shape.as_ref());
        // Only where the answer tells its shape are they looked at again.
        let given = if shape.is_none() { variables.clone() } else { Variables::default() };
        let mut request = Request::new(String::new()).variables(variables);
        request.operation_name.clone_from(&operation_name);
        request.set_parsed_query(document.document.clone());
        let loaders = Loaders::new(service, principal.org);
        let mut response = schema.execute(request.data(principal).data(loaders).data(Arc::clone(service))).await;
        // An error that is about no field is about the document: nothing was executed.
        if response.errors.iter().any(|error| error.path.is_empty()) {
            return Err(Refused::invalid(response.errors));
        }
        response.errors.iter_mut().for_each(error::judge);
        match (shape, operation) {
            (Some(shape), _) if response.errors.is_empty() => shape.order(&mut response.data),
            (_, Some(operation)) => {
                let selections = Selections { schema: text, document: &document.document };
                completion::complete(selections, operation, &given, &mut response);
            }
            (_, None) => {}
        }
        if let Some(text) = unkept {
            documents.keep(text, document);
        }
        Ok(response)
    }

    /// The text of a document that the caller may have executed.
    fn text_of(&self, document: Document, principal: &Principal) -> Result<String, Refused> {
        match document {
            Document::Text(text) if !self.0.persisted.only || principal.role == Role::Admin => Ok(text),
            Document::Text(_) => {
                let message = "This server executes persisted documents alone; name one by documentId.";
                Err(Refused::document(ErrorCode::PersistedDocumentRequired, message))
            }
            Document::Id(id) => self.0.persisted.get(&id).map(ToOwned::to_owned).ok_or_else(|| {
                let message = "There is no persisted document with this documentId.";
                Refused::document(ErrorCode::PersistedDocumentNotFound, message)
            }),
        }
    }
}
