//! What the server has.

use mediafactory::FailureCode;

use crate::stage::Stage;

#[tokio::test]
async fn models_are_listed_by_folder_and_by_other_names_of_it() {
    let stage = Stage::new().await;
    for (kind, folder) in
        [("checkpoints", "checkpoints"), ("unets", "diffusion_models"), ("clip", "text_encoders")]
    {
        let list = stage.factory.models(kind, None).await.unwrap();
        assert_eq!(list.kind, folder);
        assert!(!list.files.is_empty(), "{folder}");
    }
    let error = stage.factory.models("chekpoints", None).await.unwrap_err();
    assert_eq!(error.to_string(), "the server has no model folder `chekpoints`");
    assert_eq!(error.hint(), Some("did you mean `checkpoints`?"));
    assert!(stage.factory.model_kinds(None).await.unwrap().contains(&"loras".to_owned()));
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn node_classes_are_described_and_near_names_offered() {
    let stage = Stage::new().await;
    let info = stage.factory.node_info("KSampler", None).await.unwrap();
    assert!(info.at(&["input", "required", "seed"]).is_some());
    let error = stage.factory.node_info("KSamler", None).await.unwrap_err();
    assert_eq!(
        (error.code(), error.hint()),
        (FailureCode::NodesMissing, Some("did you mean `KSampler`?"))
    );
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn searching_finds_the_exact_class_first() {
    let stage = Stage::new().await;
    let found = stage.factory.search_nodes("ksampler", 2, None).await.unwrap();
    assert_eq!(found.items[0].class_type, "KSampler");
    assert_eq!(found.items.len(), 2);
    assert!(found.total > 2);
    let nothing = stage.factory.search_nodes("no such thing at all", 3, None).await.unwrap();
    assert_eq!((nothing.total, nothing.items.len()), (0, 0));
    assert!(stage.factory.search_nodes("  ", 3, None).await.is_err());
    stage.factory.shutdown().await;
}

#[tokio::test]
async fn the_simulator_is_known_as_one() {
    let stage = Stage::new().await;
    let health = stage.factory.health(None).await.unwrap();
    assert!(health.simulated);
    assert_eq!((health.version.as_deref(), health.socket_open), (Some("0.33.0"), false));
    stage.factory.shutdown().await;
}
