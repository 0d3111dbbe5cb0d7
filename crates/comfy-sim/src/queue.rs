//! The queue and the history, as the real server keeps them in memory.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::python;

/// How many finished prompts are remembered; the oldest is forgotten first.
const HISTORY_ENTRIES_MAX: usize = 10_000;

/// One prompt that was accepted.
#[derive(Clone, Debug)]
pub(crate) struct QueueItem {
    /// The priority as it is echoed: an integer when the server chose it, a float when the client did.
    pub(crate) number: Value,
    pub(crate) prompt_id: String,
    pub(crate) prompt: Map<String, Value>,
    pub(crate) extra_data: Map<String, Value>,
    pub(crate) outputs: Vec<String>,
}

impl QueueItem {
    /// The five members that `/queue` and `/history` show.
    pub(crate) fn view(&self) -> Value {
        json!([self.number, self.prompt_id, self.prompt, self.extra_data, self.outputs])
    }

    fn compare(&self, other: &Self) -> Ordering {
        let numbers = match (python::numeric(&self.number), python::numeric(&other.number)) {
            (Some(left), Some(right)) => left.compare(right),
            _ => Ordering::Equal,
        };
        numbers.then_with(|| self.prompt_id.cmp(&other.prompt_id))
    }
}

/// Two waiting prompts had the same number and the same id. The real server fails to compare them and answers
/// 500, yet has queued the second one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Incomparable;

/// Waiting, running and finished prompts.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// A binary heap in the layout of Python's `heapq`, which `GET /queue` shows as it is.
    pending: Vec<Arc<QueueItem>>,
    running: Option<Arc<QueueItem>>,
    history: Map<String, Value>,
}

impl Queue {
    pub(crate) fn put(&mut self, item: QueueItem) -> Result<(), Incomparable> {
        self.pending.push(Arc::new(item));
        let last = self.pending.len().saturating_sub(1);
        self.rise(0, last)
    }

    /// Takes the next prompt and makes it the running one.
    pub(crate) fn start_next(&mut self) -> Option<Arc<QueueItem>> {
        let last = self.pending.pop()?;
        let item = match self.pending.first_mut() {
            None => last,
            Some(first) => {
                let item = std::mem::replace(first, last);
                self.sink(0);
                item
            }
        };
        self.running = Some(Arc::clone(&item));
        Some(item)
    }

    /// Moves the running prompt into the history.
    pub(crate) fn finish(&mut self, result: Map<String, Value>, status: &Value) {
        let Some(item) = self.running.take() else { return };
        if self.history.len() > HISTORY_ENTRIES_MAX
            && let Some(oldest) = self.history.keys().next().cloned()
        {
            self.history.shift_remove(&oldest);
        }
        let mut entry = Map::new();
        entry.insert("prompt".to_owned(), item.view());
        entry.insert("outputs".to_owned(), json!({}));
        entry.insert("status".to_owned(), status.clone());
        entry.extend(result);
        self.history.insert(item.prompt_id.clone(), Value::Object(entry));
    }

    /// Ends the running prompt without a trace.
    pub(crate) fn drop_running(&mut self) {
        self.running = None;
    }

    pub(crate) fn remaining(&self) -> usize {
        self.pending.len() + usize::from(self.running.is_some())
    }

    pub(crate) fn pending(&self) -> &[Arc<QueueItem>] {
        &self.pending
    }

    pub(crate) fn running(&self) -> Option<&QueueItem> {
        self.running.as_deref()
    }

    pub(crate) fn is_running(&self, prompt_id: &str) -> bool {
        self.running.as_ref().is_some_and(|item| item.prompt_id == prompt_id)
    }

    pub(crate) fn clear_pending(&mut self) {
        self.pending.clear();
    }

    /// Removes the first waiting prompt with this id, and says how many `status` events that causes.
    pub(crate) fn delete(&mut self, prompt_id: &str) -> usize {
        let Some(index) = self.pending.iter().position(|item| item.prompt_id == prompt_id) else {
            return 0;
        };
        self.pending.remove(index);
        for index in (0..self.pending.len() / 2).rev() {
            self.sink(index);
        }
        if self.pending.is_empty() { 2 } else { 1 }
    }

    pub(crate) fn history(&self) -> &Map<String, Value> {
        &self.history
    }

    /// A page of the history, oldest first. A negative offset counts as none.
    pub(crate) fn history_page(&self, items_max: Option<i64>, offset: i64) -> Map<String, Value> {
        let length = i64::try_from(self.history.len()).unwrap_or(i64::MAX);
        let offset = match items_max {
            Some(items_max) if offset < 0 => length.saturating_sub(items_max),
            _ => offset,
        };
        let mut page = Map::new();
        for (index, (id, entry)) in (0_i64..).zip(&self.history) {
            if index < offset {
                continue;
            }
            page.insert(id.clone(), entry.clone());
            let taken = i64::try_from(page.len()).unwrap_or(i64::MAX);
            if items_max.is_some_and(|items_max| taken >= items_max) {
                break;
            }
        }
        page
    }

    pub(crate) fn forget(&mut self, prompt_id: &str) {
        self.history.shift_remove(prompt_id);
    }

    pub(crate) fn forget_all(&mut self) {
        self.history.clear();
    }

    fn order(&self, left: usize, right: usize) -> Ordering {
        match (self.pending.get(left), self.pending.get(right)) {
            (Some(left), Some(right)) => left.compare(right),
            _ => Ordering::Equal,
        }
    }

    /// Moves an item towards the root until its parent is smaller: `heapq._siftdown`.
    fn rise(&mut self, root: usize, mut index: usize) -> Result<(), Incomparable> {
        while index > root {
            let parent = (index - 1) / 2;
            match self.order(index, parent) {
                Ordering::Less => self.pending.swap(index, parent),
                Ordering::Equal => return Err(Incomparable),
                Ordering::Greater => break,
            }
            index = parent;
        }
        Ok(())
    }

    /// Moves an item down to a leaf along the smaller children, then up again: `heapq._siftup`.
    fn sink(&mut self, root: usize) {
        let mut index = root;
        loop {
            let (left, right) = (2 * index + 1, 2 * index + 2);
            if left >= self.pending.len() {
                break;
            }
            let is_right_smaller =
                right < self.pending.len() && self.order(left, right) != Ordering::Less;
            let child = if is_right_smaller { right } else { left };
            self.pending.swap(index, child);
            index = child;
        }
        if self.rise(root, index).is_err() {
            tracing::debug!("two waiting prompts have the same number and id");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(number: i64, id: &str) -> QueueItem {
        QueueItem {
            number: json!(number),
            prompt_id: id.to_owned(),
            prompt: Map::new(),
            extra_data: Map::new(),
            outputs: Vec::new(),
        }
    }

    fn numbers(queue: &Queue) -> Vec<i64> {
        queue.pending().iter().map(|item| item.number.as_i64().unwrap()).collect()
    }

    #[test]
    fn the_queue_is_shown_as_a_heap_and_run_in_order() {
        let mut queue = Queue::default();
        for number in [5, 1, 3, -2, 0] {
            queue.put(item(number, &number.to_string())).unwrap();
        }
        assert_eq!(numbers(&queue), [-2, 0, 3, 5, 1]);
        let run: Vec<_> = std::iter::from_fn(|| queue.start_next())
            .map(|item| item.number.as_i64().unwrap())
            .collect();
        assert_eq!(run, [-2, 0, 1, 3, 5]);
    }

    #[test]
    fn equal_numbers_run_in_the_order_of_their_ids() {
        let mut queue = Queue::default();
        queue.put(item(1, "b")).unwrap();
        queue.put(item(1, "a")).unwrap();
        assert_eq!(queue.start_next().unwrap().prompt_id, "a");
        assert_eq!(queue.put(item(1, "b")), Err(Incomparable));
        assert_eq!(queue.pending().len(), 2);
    }

    #[test]
    fn deleting_the_last_waiting_prompt_counts_twice() {
        let mut queue = Queue::default();
        queue.put(item(1, "a")).unwrap();
        queue.put(item(2, "b")).unwrap();
        assert_eq!((queue.delete("a"), queue.delete("a"), queue.delete("b")), (1, 0, 2));
    }

    #[test]
    fn the_history_forgets_its_oldest_entries() {
        let mut queue = Queue::default();
        for number in 0..20_000 {
            queue.put(item(number, &number.to_string())).unwrap();
            queue.start_next();
            queue.finish(Map::new(), &Value::Null);
        }
        assert_eq!(queue.history().len(), HISTORY_ENTRIES_MAX + 1);
        assert_eq!(queue.history().keys().next().unwrap(), "9999");
    }

    #[test]
    fn a_page_of_the_history_is_oldest_first() {
        let mut queue = Queue::default();
        for number in 0..4 {
            queue.put(item(number, &number.to_string())).unwrap();
            queue.start_next();
            queue.finish(Map::new(), &Value::Null);
        }
        let page = |items_max, offset| {
            queue.history_page(items_max, offset).keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(page(Some(2), -1), ["2", "3"]);
        assert_eq!(page(Some(2), 1), ["1", "2"]);
        assert_eq!(page(None, 3), ["3"]);
        assert!(page(Some(0), -1).is_empty());
        assert_eq!(page(Some(0), 1), ["1"]);
    }
}
