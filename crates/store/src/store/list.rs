//! Lists of holders and of changes, page by page. A page is of one moment; from one page to the next nothing
//! is missed that was there all the while, whoever writes meanwhile: the next one begins after a key.

use super::{Store, read, rows};
use crate::backend::{CALL_WAIT_MAX, Pools, Row, Value, stored, within};
use crate::change::Change;
use crate::error::StoreError;
use crate::holder::{Holder, HolderKind};
use crate::limit_text::RouteName;
use crate::page::{Filling, Page};
use crate::record::Record;
use crate::texts::PlanName;

/// Of both tables the first keys, of them together the first: neither table is read any further.
const HOLDERS: &str = "\
    SELECT kind, issuer, name FROM (SELECT DISTINCT kind, issuer, name FROM assignments \
        WHERE (kind, issuer, name) > ($1, $2, $3) ORDER BY kind, issuer, name LIMIT $4) AS plans \
    UNION \
    SELECT kind, issuer, name FROM (SELECT DISTINCT kind, issuer, name FROM overrides \
        WHERE (kind, issuer, name) > ($1, $2, $3) ORDER BY kind, issuer, name LIMIT $4) AS limits \
    ORDER BY kind, issuer, name LIMIT $4";
const HOLDERS_OF_PLAN: &str = "\
    SELECT DISTINCT kind, issuer, name FROM assignments \
    WHERE plan = $5 AND (until_ms IS NULL OR until_ms > $6) \
    AND (kind, issuer, name) > ($1, $2, $3) \
    ORDER BY kind, issuer, name LIMIT $4";

impl Store {
    /// Holders of whom something is said, with what is said, in a fixed order: the next ones after a holder, or
    /// the first; at most `limit`, itself at most [`crate::PAGE_ENTRIES_MAX`].
    ///
    /// With a plan, those to whom it is assigned, now or later; assignments that are over do not count.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn holders_after(
        &self,
        last: Option<&Holder>,
        plan: Option<&PlanName>,
        limit: u32,
    ) -> Result<Page<(Holder, Record)>, StoreError> {
        let now_ms = self.clock.now().unix_ms;
        within(
            CALL_WAIT_MAX,
            holders(&self.pools, (last, plan), now_ms, limit),
        )
        .await
    }

    /// Changes after number `seq`, the oldest first, as a page of at most `limit`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn changes_after(&self, seq: u64, limit: u32) -> Result<Page<Change>, StoreError> {
        let filling = Filling::new(limit);
        let values = [Value::Int(stored(seq)), Value::Int(filling.asked())];
        let page = changes(&self.pools, read::CHANGES_SINCE, &values, filling);
        within(CALL_WAIT_MAX, page).await
    }

    /// Changes of all holders before number `seq`, the newest first, as a page of at most `limit`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn changes_before(&self, seq: u64, limit: u32) -> Result<Page<Change>, StoreError> {
        let filling = Filling::new(limit);
        let values = [Value::Int(stored(seq)), Value::Int(filling.asked())];
        let page = changes(&self.pools, read::CHANGES_BEFORE, &values, filling);
        within(CALL_WAIT_MAX, page).await
    }

    /// Changes of one holder before number `seq`, the newest first, as a page of at most `limit`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn history_before(
        &self,
        holder: &Holder,
        seq: u64,
        limit: u32,
    ) -> Result<Page<Change>, StoreError> {
        let filling = Filling::new(limit);
        let [kind, issuer, name] = rows::key(holder);
        let asked = Value::Int(filling.asked());
        let values = [kind, issuer, name, Value::Int(stored(seq)), asked];
        let page = changes(&self.pools, read::HISTORY, &values, filling);
        within(CALL_WAIT_MAX, page).await
    }
}

async fn holders(
    pools: &Pools,
    (last, plan): (Option<&Holder>, Option<&PlanName>),
    now_ms: u64,
    limit: u32,
) -> Result<Page<(Holder, Record)>, StoreError> {
    let mut filling = Filling::new(limit);
    // Before all others: kinds begin with 1.
    let first = [Value::Int(0), Value::Text(""), Value::Text("")];
    let [kind, issuer, name] = last.map_or(first, rows::key);
    let mut values = vec![kind, issuer, name, Value::Int(filling.asked())];
    let statement = match plan {
        None => HOLDERS,
        Some(plan) => {
            values.push(Value::Text(plan.as_str()));
            values.push(Value::Int(stored(now_ms)));
            HOLDERS_OF_PLAN
        }
    };
    let mut session = pools.read_at_one_moment().await?;
    let keys = session.rows(statement, &values, holder).await?;
    for holder in keys {
        if !filling.has_room() {
            break;
        }
        let record = rows::record(&mut session, &holder).await?;
        let bytes = bytes_of(&record);
        filling.add((holder, record), bytes);
    }
    session.commit().await?;
    Ok(filling.into_page())
}

fn holder(row: &Row<'_>) -> Result<Holder, StoreError> {
    let kind = HolderKind::of_number(row.int(0)?)?;
    Holder::new(kind, row.text(1)?, row.text(2)?).map_err(rows::by_hand)
}

async fn changes(
    pools: &Pools,
    statement: &'static str,
    values: &[Value<'_>],
    mut filling: Filling<Change>,
) -> Result<Page<Change>, StoreError> {
    let mut session = pools.read().await?;
    let look = |row: &Row<'_>| {
        if filling.has_room() {
            let change = rows::change(row)?;
            let bytes = bytes_of(&change.before) + bytes_of(&change.after);
            filling.add(change, bytes);
        }
        Ok(())
    };
    session.each(statement, values, look).await?;
    session.done();
    Ok(filling.into_page())
}

/// About how long a record is as text.
fn bytes_of(record: &Record) -> usize {
    let plans = record.assignments().iter();
    let plans = plans.map(|entry| entry.plan.as_str().len() + entry.note.as_str().len());
    let limits = record.overrides().iter().map(|entry| {
        let route = entry.route.as_ref().map_or("", RouteName::as_str);
        route.len() + entry.limit.as_str().len() + entry.note.as_str().len()
    });
    plans.chain(limits).sum()
}
