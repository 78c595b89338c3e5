//! `epochd keys`.

use serde_json::{Map, Value, json};

use super::command::Keys;
use super::error::ClientError;
use super::screen::Screen;
use super::service::Service;
use super::table::{Table, shown, time};

/// `epochd keys`.
///
/// # Errors
/// The service refuses.
pub async fn keys(service: &Service, screen: &Screen, what: &Keys) -> Result<(), ClientError> {
    match what {
        Keys::List => {
            let keys = Value::from(service.list(&["keys"]).await?);
            screen.show(&keys, list)
        }
        Keys::Create { name, role, models, expires_at, requests_per_second, stored_bytes } => {
            let mut body = Map::from_iter([("name".to_owned(), json!(name)), ("role".to_owned(), json!(role))]);
            let optional = [
                ("models", (!models.is_empty()).then(|| json!(models))),
                ("expires_at", expires_at.as_ref().map(|time| json!(time))),
                ("requests_per_second", requests_per_second.map(|rate| json!(rate))),
                ("stored_bytes", stored_bytes.map(|bytes| json!(bytes))),
            ];
            body.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
            let made = service.post(&["keys"], &Value::Object(body)).await?;
            screen.remark("the secret is shown this once:");
            screen.show(&made, |made| shown(&made["key"]))
        }
        Keys::Revoke { id, yes } => {
            screen.confirm(&format!("revoke the key {id}"), *yes)?;
            service.delete(&["keys", id]).await?;
            screen.done(&json!({"deleted": id}), format!("the key {id} is revoked"))
        }
    }
}

fn list(keys: &Value) -> String {
    let keys = keys.as_array().map(Vec::as_slice).unwrap_or_default();
    if keys.is_empty() {
        return "no key is stored".into();
    }
    let mut table = Table::new(&["id", "name", "role", "models", "expires", "last used"]);
    for key in keys {
        let [id, name, role, models] = ["id", "name", "role", "models"].map(|member| shown(&key[member]));
        table.row(vec![id, name, role, models, time(&key["expires_at"]), time(&key["last_used_at"])]);
    }
    table.text()
}
