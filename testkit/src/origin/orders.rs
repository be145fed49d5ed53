//! The orders that the origin keeps in memory.

use serde_json::{Value, json};

/// Orders kept; the oldest go first.
const ORDERS_MAX: usize = 1_000;

/// The list behind `/orders`.
pub(crate) struct Orders {
    next: u64,
    kept: Vec<(String, Value)>,
}

impl Orders {
    /// Three orders, so that a first look shows something.
    pub(crate) fn with_samples() -> Orders {
        let mut orders = Orders {
            next: 1,
            kept: Vec::new(),
        };
        for total_cents in [1_234, 990, 25_000] {
            orders.add(&json!({ "total_cents": total_cents }));
        }
        orders
    }

    /// Keeps a new order made of `fields`; gives its id and document.
    pub(crate) fn add(&mut self, fields: &Value) -> (String, Value) {
        let id = self.next.to_string();
        self.next += 1;
        let mut order = json!({ "status": "open" });
        for (name, value) in fields.as_object().into_iter().flatten() {
            order[name] = value.clone();
        }
        order["order_id"] = json!(id);
        if self.kept.len() == ORDERS_MAX {
            self.kept.remove(0);
        }
        self.kept.push((id.clone(), order.clone()));
        (id, order)
    }

    /// One order. An id that was never given out gets a plausible order: load tests walk all ids.
    pub(crate) fn get(&self, id: &str) -> Value {
        let kept = self.kept.iter().find(|(kept, _)| kept == id);
        kept.map_or_else(
            || json!({ "order_id": id, "status": "archived" }),
            |(_, order)| order.clone(),
        )
    }

    /// All of them.
    pub(crate) fn list(&self) -> Value {
        let orders: Vec<&Value> = self.kept.iter().map(|(_, order)| order).collect();
        json!({ "orders": orders })
    }
}
