//! The GraphQL engine: from a document to a response.
//!
//! apollo-compiler parses and validates documents and coerces variables, as the GraphQL specification of September 2025
//! requires (sections 2, 5 and 6.1). async-graphql executes operations with the resolvers in [`super::types`]. Between them is
//! the *normalised operation*, in which each response key of an object occurs once (section 6.3.2, CollectFields), so that
//! each field is executed once.
//!
//! The steps of a [`request`], in order:
//! 1. [`document_lookup`]: find the document: sent as text, in [`persisted_documents`], or registered by its hash.
//! 2. [`document_cache`]: return it from the cache if it is there; steps 3 to 5 are for new documents.
//! 3. [`parsing`]: limit the tokens and the nesting of the text, and parse it.
//! 4. [`document_size`]: limit what it selects, with fragments expanded ([`document_limits`] has all limits).
//! 5. [`validation`]: validate it against the schema, and analyse each operation of the [`document`].
//! 6. [`access_check`]: compare the role of the caller with the roles that the operation requires.
//! 7. [`variables`]: coerce the values of the variables.
//! 8. [`normalized_operation`]: merge the [`selections`] into the normalised operation.
//! 9. [`cost`]: limit the values that the operation reads and returns.
//! 10. Execution, once the server has capacity for this cost.
//! 11. [`response_errors`]: mask, locate and sort the errors.
//!
//! Steps 1 to 9 are [`Engine::prepare`] and fail with a [`request_error`]. Steps 10 and 11 are [`Engine::execute`].

mod access_check;
mod cost;
mod document;
mod document_cache;
mod document_limits;
mod document_lookup;
mod document_size;
mod normalized_operation;
mod parsing;
mod persisted_documents;
mod request;
mod request_error;
mod response_errors;
mod selections;
mod settings;
mod source_positions;
#[cfg(test)]
mod tests;
mod validation;
mod variables;

use std::sync::Arc;

use apollo_compiler::{Node, Schema as TypeSystem, validation::Valid};
use async_graphql::{EmptySubscription, Request, Response, SDLExportOptions, Schema};

use self::{
    document_cache::{DocumentCache, TRUSTED_BYTES, UNTRUSTED_BYTES},
    settings::IntrospectionDenied,
};
pub use self::{
    document_limits::{DocumentLimits, InvalidLimit},
    persisted_documents::{InvalidManifest, PersistedDocuments},
    request::{DocumentSource, GraphqlRequest, PreparedOperation, VariableValues},
    request_error::{RequestError, RequestErrorKind},
    settings::{EngineSettings, Introspection},
};
use super::{
    error::{self, ErrorCode},
    executable_schema,
    loaders::{LoaderOptions, Loaders},
    types::{Mutation, OfferCache, RootQuery},
};
use crate::{
    auth::{Limiter, Principal},
    events::WebhookService,
    promotions::EventReads,
    service::PromotionService,
};

/// Prepares and executes requests.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    schema: Schema<RootQuery, Mutation, EmptySubscription>,
    type_system: Valid<TypeSystem>,
    services: Services,
    persisted: PersistedDocuments,
    trusted: DocumentPolicy,
    untrusted: DocumentPolicy,
}

/// The documents that trusted or untrusted callers may send. Each kind of caller has a cache of its own, so that neither can
/// fill the other's.
struct DocumentPolicy {
    limits: DocumentLimits,
    no_introspection: Option<IntrospectionDenied>,
    cache: DocumentCache,
}

/// The services that resolvers call.
pub struct Services {
    /// For mutations, which must see their own changes.
    pub changes: Arc<PromotionService>,
    /// For queries, which may read from a replica that lags behind.
    pub queries: Arc<PromotionService>,
    /// The events of all changes.
    pub events: Arc<dyn EventReads>,
    /// Webhook endpoints.
    pub webhooks: Arc<WebhookService>,
}

impl Engine {
    /// Builds the schema over running services.
    ///
    /// # Panics
    /// If apollo-compiler rejects the text of the schema. A test checks that it does not.
    #[must_use]
    pub fn new(services: Services, limiter: &Arc<Limiter>, settings: EngineSettings) -> Self {
        let EngineSettings { persisted, introspection, limits, untrusted_limits } = settings;
        let events = Arc::clone(&services.events);
        let webhooks = Arc::clone(&services.webhooks);
        let schema = executable_schema()
            .data(Arc::clone(limiter))
            .data(events)
            .data(webhooks)
            .data(OfferCache::default())
            .finish();
        let type_system = type_system_of(&super::sdl_text(&schema, SDLExportOptions::new()));
        let trusted = DocumentPolicy {
            limits,
            no_introspection: introspection.denial(true),
            cache: DocumentCache::new(TRUSTED_BYTES),
        };
        let untrusted = DocumentPolicy {
            limits: untrusted_limits,
            no_introspection: introspection.denial(false),
            cache: DocumentCache::new(UNTRUSTED_BYTES),
        };
        Self(Arc::new(Inner { schema, type_system, services, persisted, trusted, untrusted }))
    }

    fn policy(&self, principal: &Principal) -> &DocumentPolicy {
        if principal.is_trusted() { &self.0.trusted } else { &self.0.untrusted }
    }

    /// Checks a request and prepares its execution. Nothing is executed yet.
    pub fn prepare(&self, request: GraphqlRequest, principal: &Principal) -> Result<PreparedOperation, RequestError> {
        let Inner { type_system, .. } = &*self.0;
        let document = self.document(request.document, principal)?;
        let (operation, analysis) = document.operation(request.operation_name.as_deref())?;
        if request.queries_only && operation.is_mutation() {
            let error = error::bad_request("A mutation must be sent by POST.");
            return Err(RequestError::new(RequestErrorKind::MutationByGet, error));
        }
        analysis.requirements.check(principal.role, &document)?;
        let variables = variables::coerce(type_system, operation, &request.variables)?;
        let definition = match analysis.normalized(operation, &variables) {
            Some(definition) => definition.clone(),
            None => normalized_operation::normalize(type_system, document.executable(), operation, Some(&variables))
                .map_err(|null| RequestError::document(ErrorCode::BadUserInput, null.to_string()))?,
        };
        let variables = variables::into_values(variables);
        let amount = cost::measure(&definition, &variables, &self.policy(principal).limits)?;
        let operation = Node::clone(operation);
        let is_persisted = self.0.persisted.has_text(document.text());
        let executable = normalized_operation::document_of(definition);
        let (cost, lookups) = (amount.cost(), amount.lookups);
        Ok(PreparedOperation { document, operation, executable, variables, cost, lookups, is_persisted })
    }

    /// Executes an operation on behalf of a caller.
    pub async fn execute(
        &self,
        prepared: PreparedOperation,
        principal: Principal,
        request_id: Option<&str>,
    ) -> Response {
        let Inner { schema, services, .. } = &*self.0;
        let is_mutation = prepared.is_mutation();
        let service = if is_mutation { &services.changes } else { &services.queries };
        let options = LoaderOptions { caches: !is_mutation, batches: prepared.lookups > 1 };
        let loaders = Loaders::new(service, principal.org, options);
        let mut request = Request::new(String::new()).variables(prepared.variables);
        request.set_parsed_query(prepared.executable);
        let attribution = principal.attribution(request_id);
        let request = request.data(principal).data(attribution).data(loaders).data(Arc::clone(service));
        let mut response = schema.execute(request).await;
        response_errors::complete(&mut response, prepared.document.text());
        response
    }
}

/// The type system that documents are validated against.
///
/// # Panics
/// If the text is not a valid schema.
fn type_system_of(sdl: &str) -> Valid<TypeSystem> {
    /// The specification of September 2025 added this field to introspection. async-graphql resolves it.
    const IS_ONE_OF: &str = "extend type __Type { isOneOf: Boolean }";
    let parsed = TypeSystem::parse_and_validate(format!("{sdl}{IS_ONE_OF}"), "schema.graphql");
    parsed.unwrap_or_else(|invalid| panic!("the schema is invalid: {}", invalid.errors))
}
