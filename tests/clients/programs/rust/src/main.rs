//! Uses the clients that openapi-generator's `rust` made: `program URL TABLE`.

use std::error::Error;

use epochd_client::apis::configuration::Configuration;
use epochd_client::apis::{self, datasets_api, jobs_api, models_api, predictions_api, training_api};
use epochd_client::models::{
    AdamOptimizer, BatchSize, CreateLayersModel, CreateLayersModelLayersInner, CreateModel, ErrorCode, EvaluateRequest,
    Job, JobState, LayerSettings, Optimizer, OutputActivation, PredictRequest, PredictRequestInputsInner, Prediction,
    Problem, Records, TargetsInner, TrainRequest, adam_optimizer,
};

const NAME: &str = "client-rust";
const FLOWERS: &str = "client-rust-table";
const ROWS: [[f64; 2]; 4] = [[0., 0.], [0., 1.], [1., 0.], [1., 1.]];
const TARGETS: [f64; 4] = [0., 1., 1., 0.];

type Outcome = Result<(), Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let (url, table) = (arguments.next().expect("the service's URL"), arguments.next().expect("a data file"));
    let service = Configuration { base_path: url.clone(), ..Configuration::default() };
    by_layer_sizes(&service).await?;
    by_data_set(&service, table).await?;
    by_own_documents(&url).await
}

/// The job once it has ended, which must be well.
async fn ended(service: &Configuration, job: Job) -> Result<Job, Box<dyn Error>> {
    let job = jobs_api::get_job(service, &job.id.to_string(), Some(60), None, None).await?;
    assert!(job.state == JobState::Succeeded && job.error.is_none(), "{job:?}");
    Ok(job)
}

fn rows(rows: &[&[f64]]) -> PredictRequest {
    let inputs = rows.iter().map(|row| PredictRequestInputsInner::Row(row.to_vec())).collect();
    PredictRequest { inputs: Some(inputs), ..PredictRequest::default() }
}

fn outputs(prediction: Prediction) -> Vec<Vec<f64>> {
    match prediction {
        Prediction::OutputPrediction(rows) => rows.outputs,
        Prediction::RecordPrediction(_) => panic!("a model by layer sizes gives rows"),
    }
}

async fn by_layer_sizes(service: &Configuration) -> Outcome {
    let hidden = LayerSettings { activation: Some(OutputActivation::Tanh), ..LayerSettings::new(8) };
    let layers = vec![
        CreateLayersModelLayersInner::Width(2),
        CreateLayersModelLayersInner::LayerSettings(Box::new(hidden)),
        CreateLayersModelLayersInner::Width(1),
    ];
    let network = CreateLayersModel {
        name: Some(NAME.to_owned()),
        output_activation: Some(OutputActivation::Sigmoid),
        seed: Some(7),
        ..CreateLayersModel::new(layers)
    };
    let model =
        models_api::create_model(service, CreateModel::CreateLayersModel(Box::new(network)), None, None).await?;
    assert!(model.parameter_count == Some(33) && model.task.is_none(), "{model:?}");

    let adam = AdamOptimizer { beta1: Some(0.8), ..AdamOptimizer::new(adam_optimizer::Type::Adam) };
    let settings = TrainRequest {
        inputs: Some(ROWS.map(Vec::from).into()),
        targets: Some(TARGETS.map(TargetsInner::Number).into()),
        epochs: Some(300),
        batch_size: Some(Box::new(BatchSize::String("full".to_owned()))),
        learning_rate: Some(0.05),
        optimizer: Some(Box::new(Optimizer::AdamOptimizer(Box::new(adam)))),
        ..TrainRequest::default()
    };
    let job = ended(service, training_api::train_model(service, NAME, settings, None, None).await?).await?;
    assert_eq!((job.config.optimizer.beta1, &job.config.class_weight), (Some(0.8), &None));
    let rmse = job.metrics.expect("a version was made").rmse;
    assert!(rmse.flatten().is_some_and(|rmse| rmse < 0.1), "{rmse:?}");

    let all = rows(&ROWS.each_ref().map(|row| &row[..]));
    let predicted = outputs(
        predictions_api::predict(service, NAME, all, None, None, None, None, None, None, None, None, None, None)
            .await?,
    );
    assert_eq!(predicted.iter().map(|row| row[0].round()).collect::<Vec<_>>(), TARGETS);
    let one = [0., 1.].map(PredictRequestInputsInner::Number).into();
    let one = PredictRequest { inputs: Some(one), ..PredictRequest::default() };
    assert_eq!(
        outputs(
            predictions_api::predict(service, NAME, one, None, None, None, None, None, None, None, None, None, None)
                .await?
        ),
        predicted[1..2]
    );
    let known = EvaluateRequest {
        inputs: Some(ROWS.map(Vec::from).into()),
        targets: Some(TARGETS.map(TargetsInner::Number).into()),
        ..EvaluateRequest::default()
    };
    let evaluation = predictions_api::evaluate_model(service, NAME, known, None).await?;
    assert_eq!((evaluation.rows, evaluation.metrics.rmse), (4, rmse));

    match predictions_api::predict(
        service,
        NAME,
        rows(&[&[0., 1., 2.]]),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
    )
    .await
    {
        Err(apis::Error::ResponseError(reply)) => {
            let problem: Problem = serde_json::from_str(&reply.content)?;
            assert_eq!((reply.status.as_u16(), problem.code), (422, ErrorCode::ShapeMismatch));
            assert_eq!(problem.errors[0].pointer.as_deref(), Some("/inputs/0"));
            assert!(reply.entity.is_some(), "the problem is typed");
        }
        other => panic!("a row of three values must be refused: {other:?}"),
    }
    Ok(())
}

async fn by_data_set(service: &Configuration, table: String) -> Outcome {
    let (target, file, name) = ("species", table.into(), Some(FLOWERS));
    let job = training_api::train_file(
        service,
        file,
        Some(target),
        name,
        None,
        None,
        Some(30),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
    );
    let job = ended(service, job.await?).await?;
    assert!(job.metrics.and_then(|metrics| metrics.accuracy).is_some_and(|accuracy| accuracy > 0.8));
    let records = datasets_api::list_dataset_rows(service, FLOWERS, Some(2), None).await?.data;
    let species = records[0]["species"].clone();
    let request = PredictRequest { records: Some(Box::new(Records::RecordList(records))), ..PredictRequest::default() };
    match predictions_api::predict(
        service,
        FLOWERS,
        request,
        Some(0.9),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
    )
    .await?
    {
        Prediction::RecordPrediction(prediction) => {
            assert_eq!(prediction.predictions[0].label.as_deref(), species.as_str());
        }
        Prediction::OutputPrediction(_) => panic!("a model by data set gives labels or values"),
    }
    Ok(())
}

/// What the models' own documents describe.
async fn by_own_documents(url: &str) -> Outcome {
    use epochd_layers::models::{Request, RequestInputsInner};
    let layers = epochd_layers::apis::configuration::Configuration {
        base_path: url.to_owned(),
        ..epochd_layers::apis::configuration::Configuration::default()
    };
    let request = Request::new([0., 1.].map(RequestInputsInner::Number).into());
    let reply = epochd_layers::apis::predictions_api::predict(&layers, request).await?;
    assert_eq!(reply.outputs[0].len(), 1, "{reply:?}");

    use epochd_table::models::{Columns, Request as Records, RequestRecords};
    let table = epochd_table::apis::configuration::Configuration {
        base_path: url.to_owned(),
        ..epochd_table::apis::configuration::Configuration::default()
    };
    let penguin =
        Columns { bill_length_mm: Some(Some(47.2)), island: Some(Some("Biscoe".to_owned())), ..Columns::new() };
    let request = Records::new(RequestRecords::Columns(Box::new(penguin)));
    let reply = epochd_table::apis::predictions_api::predict(&table, request, Some(0.9), None).await?;
    let predicted = &reply.predictions[0];
    assert!(predicted.label_set.as_ref().is_some_and(|labels| labels.contains(&predicted.label)), "{reply:?}");
    Ok(())
}
