//! The GraphQL engine: from a document to a response.
//!
//! apollo-compiler parses and validates the document and coerces its variables, as the GraphQL specification of
//! September 2025 says (sections 2, 5 and 6.1). async-graphql executes it with the resolvers in [`super::types`]. Between
//! the two stands the *normalised operation*: fragments are inlined, `@skip` and `@include` are applied and each response
//! key of an object occurs once (section 6.3.2, CollectFields), so that each field is executed once.
//!
//! A request passes these steps in this order:
//! 1. [`documents`]: look up the document; if it is new, parse it within its limits ([`bounds`]) and validate it
//!    ([`validation`]).
//! 2. [`access`]: compare the role of the caller with what the operation selects.
//! 3. [`variables`]: coerce the values of the variables.
//! 4. [`normalization`]: build the operation that is executed.
//! 5. [`cost`]: limit the number of values that it reads and returns.
//! 6. [`response`]: after execution, complete the errors.

mod access;
mod bounds;
mod cost;
mod documents;
mod limits;
mod normalization;
mod persisted;
mod request;
mod request_error;
mod response;
mod selections;
mod settings;
mod syntax;
#[cfg(test)]
mod tests;
mod validation;
mod variables;

use std::sync::Arc;

use apollo_compiler::{Node, Schema as TypeSystem, validation::Valid};
use async_graphql::{EmptySubscription, Request, Response, SDLExportOptions, Schema};

use self::{
    documents::{Document, Documents, TRUSTED_BYTES, UNTRUSTED_BYTES, sha256},
    validation::Validator,
};
pub use self::{
    limits::DocumentLimits,
    persisted::{InvalidManifest, PersistedDocuments},
    request::{Call, DocumentSource, Prepared, VariableValues},
    request_error::{RequestError, RequestErrorKind},
    settings::{EngineSettings, Introspection},
};
use super::{
    error::{self, ErrorCode},
    executable_schema,
    loaders::Loaders,
    types::{Mutation, RootQuery},
};
use crate::{
    auth::{Limiter, Principal, Role},
    service::PromotionService,
};

/// The length of a document that takes some 0.5 ms to parse and validate, in bytes.
const HEAVY_TEXT: usize = 4 * 1024;

/// The schema over a running service.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    schema: Schema<RootQuery, Mutation, EmptySubscription>,
    type_system: Valid<TypeSystem>,
    services: Services,
    persisted: PersistedDocuments,
    trusted: Trust,
    untrusted: Trust,
}

/// What callers that are trusted, or not trusted, may send. They have caches of their own, so that neither takes up the
/// other's.
struct Trust {
    limits: DocumentLimits,
    no_introspection: Option<&'static str>,
    documents: Documents,
}

/// The services that operations are executed with.
pub struct Services {
    /// For mutations, which see what they have just changed.
    pub changes: Arc<PromotionService>,
    /// For queries, which may read from a replica that lags behind.
    pub queries: Arc<PromotionService>,
}

impl Engine {
    /// Builds the schema over running services.
    ///
    /// # Panics
    /// If apollo-compiler does not accept the text of the schema. A test checks this.
    #[must_use]
    pub fn new(services: Services, limiter: &Arc<Limiter>, settings: EngineSettings) -> Self {
        let EngineSettings { persisted, introspection, limits, untrusted_limits } = settings;
        let schema = executable_schema().data(Arc::clone(limiter)).finish();
        let type_system = type_system_of(&super::sdl_text(&schema, SDLExportOptions::new()));
        let trusted =
            Trust { limits, no_introspection: introspection.refusal(true), documents: Documents::new(TRUSTED_BYTES) };
        let untrusted = Trust {
            limits: untrusted_limits,
            no_introspection: introspection.refusal(false),
            documents: Documents::new(UNTRUSTED_BYTES),
        };
        Self(Arc::new(Inner { schema, type_system, services, persisted, trusted, untrusted }))
    }

    /// Whether it takes long to prepare a request: its document is large and not in the cache.
    #[must_use]
    pub fn is_heavy_to_prepare(&self, call: &Call, principal: &Principal) -> bool {
        let documents = &self.trust(principal).documents;
        let is_heavy = |text: &str| text.len() > HEAVY_TEXT && !documents.contains(text);
        let persisted = |id: &str| self.0.persisted.get(id).is_some_and(is_heavy);
        match &call.document {
            DocumentSource::Text(text) | DocumentSource::Hash { text: Some(text), .. } => is_heavy(text),
            DocumentSource::Id(id) => persisted(id),
            DocumentSource::Hash { hash, text: None } => {
                let registered = documents.registered(principal.org, hash.to_ascii_lowercase());
                persisted(hash) || registered.is_some_and(|text| is_heavy(&text))
            }
        }
    }

    fn trust(&self, principal: &Principal) -> &Trust {
        if principal.is_trusted() { &self.0.trusted } else { &self.0.untrusted }
    }

    /// Checks a request and prepares its execution. Nothing is executed yet.
    pub fn prepare(&self, call: Call, principal: &Principal) -> Result<Prepared, RequestError> {
        let Inner { type_system, .. } = &*self.0;
        let document = self.document(call.document, principal)?;
        let (operation, known) = document.operation(call.operation_name.as_deref())?;
        if call.queries_only && operation.is_mutation() {
            let error = error::bad_request("A mutation must be sent by POST.");
            return Err(RequestError::new(RequestErrorKind::MutationByGet, error));
        }
        known.requirements.check(principal.role, &document)?;
        let variables = variables::coerce(type_system, operation, &call.variables)?;
        let definition = match known.normalized(operation, &variables) {
            Some(definition) => definition.clone(),
            None => normalization::normalize(type_system, document.executable(), operation, Some(&variables))
                .map_err(|invalid| RequestError::document(ErrorCode::BadUserInput, invalid.to_string()))?,
        };
        let variables = variables::into_values(variables);
        let amount = cost::cost(&definition, &variables, &self.trust(principal).limits)?;
        let operation = Node::clone(operation);
        let is_persisted = self.0.persisted.has_text(document.text());
        let executable = normalization::document_of(definition);
        let (cost, look_ups) = (amount.cost(), amount.look_ups);
        Ok(Prepared { document, operation, executable, variables, cost, look_ups, is_persisted })
    }

    /// Executes an operation on behalf of a caller.
    pub async fn execute(&self, prepared: Prepared, principal: Principal) -> Response {
        let Inner { schema, services, .. } = &*self.0;
        let is_mutation = prepared.is_mutation();
        let service = if is_mutation { &services.changes } else { &services.queries };
        let loaders = Loaders::new(service, principal.org, !is_mutation, prepared.look_ups <= 1);
        let mut request = Request::new(String::new()).variables(prepared.variables);
        request.set_parsed_query(prepared.executable);
        let mut response = schema.execute(request.data(principal).data(loaders).data(Arc::clone(service))).await;
        response::complete_errors(&mut response, prepared.document.text());
        response
    }

    /// The document of a request, parsed and validated.
    fn document(&self, source: DocumentSource, principal: &Principal) -> Result<Arc<Document>, RequestError> {
        let persisted = &self.0.persisted;
        match source {
            DocumentSource::Text(_) if !self.accepts_texts(principal) => Err(text_rejected()),
            DocumentSource::Text(text) => self.parsed(&text, principal),
            DocumentSource::Id(id) => {
                let missing = || {
                    let message = "There is no persisted document with this documentId.";
                    RequestError::document(ErrorCode::PersistedDocumentNotFound, message)
                };
                self.parsed(persisted.get(&id).ok_or_else(missing)?, principal)
            }
            DocumentSource::Hash { hash, text } => self.by_hash(&hash, text, principal),
        }
    }

    /// The document that an automatic persisted query names. A persisted document may be named in the same way.
    fn by_hash(&self, hash: &str, text: Option<String>, principal: &Principal) -> Result<Arc<Document>, RequestError> {
        let (persisted, documents) = (&self.0.persisted, &self.trust(principal).documents);
        let hash = hash.to_ascii_lowercase();
        let Some(text) = text else {
            if let Some(text) = persisted.get(&hash) {
                return self.parsed(text, principal);
            }
            if !self.accepts_texts(principal) {
                return Err(RequestError::automatic_persisted_query(ErrorCode::PersistedQueryNotSupported));
            }
            let unknown = || RequestError::automatic_persisted_query(ErrorCode::PersistedQueryNotFound);
            return self.parsed(&documents.registered(principal.org, hash).ok_or_else(unknown)?, principal);
        };
        if hash != sha256(&text) {
            let message = "The extension persistedQuery.sha256Hash is not the SHA-256 of the query.";
            return Err(RequestError::document(ErrorCode::BadRequest, message));
        }
        if persisted.get(&hash).is_none() && !self.accepts_texts(principal) {
            return Err(text_rejected());
        }
        let document = self.parsed(&text, principal)?;
        documents.register(principal.org, hash, &text);
        Ok(document)
    }

    /// Whether a caller may send the text of a document. Where only persisted documents are executed, admins may.
    fn accepts_texts(&self, principal: &Principal) -> bool {
        !self.0.persisted.only || principal.role == Role::Admin
    }

    /// The document with this text, from the cache if it is there.
    fn parsed(&self, text: &str, principal: &Principal) -> Result<Arc<Document>, RequestError> {
        let Trust { limits, no_introspection, documents } = self.trust(principal);
        let validator = Validator::new(&self.0.type_system, limits, *no_introspection);
        documents.get_or_insert(text, |text| validator.validate(text))
    }
}

/// The types that documents are validated against.
///
/// # Panics
/// If the text is not that of a valid schema.
fn type_system_of(sdl: &str) -> Valid<TypeSystem> {
    /// Since the edition of September 2025, introspection has this field. async-graphql resolves it.
    const IS_ONE_OF: &str = "extend type __Type { isOneOf: Boolean }";
    let parsed = TypeSystem::parse_and_validate(format!("{sdl}{IS_ONE_OF}"), "schema.graphql");
    parsed.unwrap_or_else(|invalid| panic!("the schema is invalid: {}", invalid.errors))
}

/// The error for the text of a document where only persisted documents are executed.
fn text_rejected() -> RequestError {
    let message = "This server executes persisted documents only. Name one by documentId.";
    RequestError::document(ErrorCode::PersistedDocumentRequired, message)
}
