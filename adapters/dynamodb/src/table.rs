//! The requests to the table.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use discovery_domain::{ServiceName, ServiceRepoName, StoreError};

use crate::call::Call;
use crate::error::store_error;
use crate::expression::Expression;
use crate::item::{Item, SERVICE, SERVICE_REPO_NAME, text};
use crate::metrics::Metrics;

/// The index that finds the hosts of a service repo.
pub(crate) const REPO_INDEX: &str = "service_repo_name_index";

/// A table in the store.
pub(crate) struct Table {
    pub(crate) client: Client,
    pub(crate) name: String,
    pub(crate) metrics: Metrics,
}

/// Why a row was not changed.
pub(crate) enum Refusal {
    /// The condition did not hold.
    Condition {
        /// The row that is there.
        found: Option<Item>,
        /// Whether an earlier request of the same call may have been what changed it.
        in_doubt: bool,
    },
    /// The store failed.
    Store(StoreError),
}

impl Table {
    /// The rows of a service.
    pub(crate) async fn of_service(
        &self,
        service: &ServiceName,
        consistent: bool,
    ) -> Result<Vec<Item>, StoreError> {
        self.query(None, SERVICE, service.as_str(), consistent)
            .await
    }

    /// The rows of a service repo; an index is never consistent.
    pub(crate) async fn of_repo(&self, repo: &ServiceRepoName) -> Result<Vec<Item>, StoreError> {
        let index = Some(REPO_INDEX.to_owned());
        self.query(index, SERVICE_REPO_NAME, repo.as_str(), false)
            .await
    }

    /// The rows under one key of the table or of an index.
    pub(crate) async fn query(
        &self,
        index: Option<String>,
        attribute: &str,
        value: &str,
        consistent: bool,
    ) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        let mut next = None;
        loop {
            let call = self.call("Query");
            let page = self
                .client
                .query()
                .table_name(&self.name)
                .set_index_name(index.clone())
                .key_condition_expression("#key = :key")
                .expression_attribute_names("#key", attribute)
                .expression_attribute_values(":key", text(value))
                .set_consistent_read(consistent.then_some(true))
                .set_exclusive_start_key(next)
                .customize()
                .interceptor(call.clone())
                .send()
                .await
                .map_err(|error| self.failed(&call, error))?;
            items.extend(self.answered(&call, page.items)?);
            next = page.last_evaluated_key;
            if next.is_none() {
                return Ok(items);
            }
        }
    }

    /// One attribute of some rows, from the one after `from` on, and where to go on.
    pub(crate) async fn scan(
        &self,
        attribute: &str,
        from: Option<Item>,
        limit: i32,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        let call = self.call("Scan");
        let page = self
            .client
            .scan()
            .table_name(&self.name)
            .projection_expression("#attribute")
            .expression_attribute_names("#attribute", attribute)
            .limit(limit)
            .set_exclusive_start_key(from)
            .customize()
            .interceptor(call.clone())
            .send()
            .await
            .map_err(|error| self.failed(&call, error))?;
        let items = self.answered(&call, page.items)?;
        Ok((items, page.last_evaluated_key))
    }

    /// One row, as it is now.
    pub(crate) async fn get(&self, key: Item) -> Result<Option<Item>, StoreError> {
        let call = self.call("GetItem");
        let get = self.client.get_item().table_name(&self.name);
        let answer = get
            .set_key(Some(key))
            .consistent_read(true)
            .customize()
            .interceptor(call.clone())
            .send()
            .await;
        Ok(answer.map_err(|error| self.failed(&call, error))?.item)
    }

    /// Puts a whole row in the place of what is there, and returns that.
    pub(crate) async fn put(
        &self,
        item: Item,
        condition: &Expression,
    ) -> Result<Option<Item>, Refusal> {
        let call = self.call("PutItem");
        let put = self.client.put_item().table_name(&self.name);
        let answer = put
            .set_item(Some(item))
            .set_condition_expression(condition.condition())
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values())
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .customize()
            .interceptor(call.clone())
            .send()
            .await;
        let condition = |error: &PutItemError| match error {
            PutItemError::ConditionalCheckFailedException(failed) => Some(failed.clone()),
            _ => None,
        };
        answer
            .map(|answer| answer.attributes)
            .map_err(|error| self.refusal(&call, error, condition))
    }

    /// Changes some attributes of a row, and returns what was asked for.
    pub(crate) async fn update(
        &self,
        key: Item,
        update: &Expression,
        returned: ReturnValue,
    ) -> Result<Option<Item>, Refusal> {
        let call = self.call("UpdateItem");
        let answer = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .update_expression(update.update())
            .set_condition_expression(update.condition())
            .set_expression_attribute_names(update.names())
            .set_expression_attribute_values(update.values())
            .return_values(returned)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .customize()
            .interceptor(call.clone())
            .send()
            .await;
        let condition = |error: &UpdateItemError| match error {
            UpdateItemError::ConditionalCheckFailedException(failed) => Some(failed.clone()),
            _ => None,
        };
        answer
            .map(|answer| answer.attributes)
            .map_err(|error| self.refusal(&call, error, condition))
    }

    /// Removes a row, and returns it.
    pub(crate) async fn delete(
        &self,
        key: Item,
        condition: &Expression,
    ) -> Result<Option<Item>, Refusal> {
        let call = self.call("DeleteItem");
        let delete = self.client.delete_item().table_name(&self.name);
        let answer = delete
            .set_key(Some(key))
            .set_condition_expression(condition.condition())
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values())
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .customize()
            .interceptor(call.clone())
            .send()
            .await;
        let condition = |error: &DeleteItemError| match error {
            DeleteItemError::ConditionalCheckFailedException(failed) => Some(failed.clone()),
            _ => None,
        };
        answer
            .map(|answer| answer.attributes)
            .map_err(|error| self.refusal(&call, error, condition))
    }

    /// The rows of an answer. DynamoDB names them also where there is none; an answer without a word of them is of
    /// something else on the way, and says nothing of the table.
    fn answered(&self, call: &Call, items: Option<Vec<Item>>) -> Result<Vec<Item>, StoreError> {
        items.ok_or_else(|| StoreError::Unavailable {
            what: format!(
                "dynamodb {} on table {:?} was answered without items",
                call.operation(),
                self.name
            ),
            source: None,
        })
    }

    pub(crate) fn call(&self, operation: &'static str) -> Call {
        Call::new(operation, &self.metrics)
    }

    pub(crate) fn failed<E>(&self, call: &Call, error: SdkError<E, HttpResponse>) -> StoreError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        store_error(&self.name, call, error)
    }

    fn refusal<E>(
        &self,
        call: &Call,
        error: SdkError<E, HttpResponse>,
        condition: impl FnOnce(&E) -> Option<ConditionalCheckFailedException>,
    ) -> Refusal
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match error.as_service_error().and_then(condition) {
            Some(failed) => Refusal::Condition {
                found: failed.item,
                in_doubt: call.is_in_doubt(),
            },
            None => Refusal::Store(self.failed(call, error)),
        }
    }
}
