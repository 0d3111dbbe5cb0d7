//! Which model files a server has, and how large they are.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use comfy_client::ModelFile;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use model_registry::{Variant, memory::WeightFiles};
use tokio::{sync::Mutex, time::Instant};

use crate::{error::Error, failure, servers::Server};

/// How long a list is kept. Files come and go without a word.
const CACHE_TIME: Duration = Duration::from_mins(1);

/// How many folders are asked for at the same time.
const REQUESTS_MAX: usize = 4;

/// More folders than any server has.
const FOLDERS_MAX: usize = 256;

/// Folders without weights; the first is large, as it holds the code of every pack.
const NOT_WEIGHTS: [&str; 3] = ["custom_nodes", "configs", "datasets"];

/// The files of a server as they were lately.
#[derive(Debug, Default)]
pub(crate) struct FileCache {
    // Held over the requests on purpose: two callers shall not ask twice.
    latest: Mutex<Option<(Instant, Arc<Inventory>)>>,
}

/// The model files of a server by folder.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    folders: BTreeMap<String, Vec<ModelFile>>,
}

impl Server {
    /// The files it has, at most a minute old.
    pub(super) async fn inventory(&self) -> Result<Arc<Inventory>, Error> {
        let mut latest = self.files.latest.lock().await;
        if let Some((at, inventory)) = &*latest
            && at.elapsed() < CACHE_TIME
        {
            return Ok(Arc::clone(inventory));
        }
        let inventory = Arc::new(self.list_files().await?);
        *latest = Some((Instant::now(), Arc::clone(&inventory)));
        Ok(inventory)
    }

    async fn list_files(&self) -> Result<Inventory, Error> {
        let folders = self.client.model_folders().await.map_err(failure::client)?;
        let folders = folders.into_iter().filter(|name| !NOT_WEIGHTS.contains(&name.as_str()));
        let listed = stream::iter(folders.take(FOLDERS_MAX).map(|folder| async {
            let files = self.files_in(&folder).await?;
            Ok::<_, Error>((folder, files))
        }));
        let folders = listed.buffered(REQUESTS_MAX).try_collect().await?;
        Ok(Inventory { folders })
    }

    /// The files of a folder. Servers that do not tell sizes tell names.
    async fn files_in(&self, folder: &str) -> Result<Vec<ModelFile>, Error> {
        if let Some(files) = self.client.model_files(folder).await.map_err(failure::client)? {
            return Ok(files);
        }
        let names = self.client.models(folder).await.map_err(failure::client)?;
        let nameless = |name| ModelFile { name, bytes: None };
        Ok(names.unwrap_or_default().into_iter().map(nameless).collect())
    }
}

impl Inventory {
    /// Every file with its folder.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &ModelFile)> {
        let folders = self.folders.iter();
        folders.flat_map(|(folder, files)| files.iter().map(move |file| (folder.as_str(), file)))
    }

    /// The file of a name in a folder, whatever subfolder it is in.
    pub(super) fn file(&self, folder: &str, name: &str) -> Option<&ModelFile> {
        self.folders.get(folder)?.iter().find(|file| base_name(&file.name) == name)
    }

    /// The files that a variant cannot run without and that are not there. What is no file of the
    /// family, such as a VAE that is none, is not looked for.
    pub(super) fn lacks<'f>(
        &self,
        family: &'f model_registry::Family,
        variant: &'f Variant,
    ) -> impl Iterator<Item = &'f str> {
        let needs = variant.needs().filter_map(|name| family.file(name));
        needs.filter(|file| self.file(&file.folder, &file.name).is_none()).map(|file| &*file.name)
    }

    /// The sizes that are known, by the name that the server lists and by the name alone.
    pub(super) fn weights(&self) -> WeightFiles {
        let mut weights = WeightFiles::default();
        for (folder, file) in self.all() {
            // No weights are empty: that is how a server speaks that has none.
            let Some(bytes) = file.bytes.filter(|bytes| *bytes > 0) else { continue };
            weights.insert(folder, base_name(&file.name), bytes);
            weights.insert(folder, &file.name, bytes);
        }
        weights
    }
}

/// A file without the folders above it, whichever system wrote it.
pub(super) fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_in_any_subfolder_and_an_empty_one_has_no_size() {
        let file = |name: &str, bytes| ModelFile { name: name.to_owned(), bytes };
        let files = vec![file("sub\\a.safetensors", Some(7)), file("b.safetensors", Some(0))];
        let inventory = Inventory { folders: [("vae".to_owned(), files)].into() };
        assert!(inventory.file("vae", "a.safetensors").is_some());
        assert!(inventory.file("loras", "a.safetensors").is_none());
        let weights = inventory.weights();
        assert_eq!(weights.bytes("vae", "a.safetensors"), Some(7));
        assert_eq!(weights.bytes("vae", "sub\\a.safetensors"), Some(7));
        assert_eq!(weights.bytes("vae", "b.safetensors"), None);
    }
}
