#!/usr/bin/env bash
# usage: cli.sh PART LEMNOS MAKE_DATA FOLDER
# Runs one part of the tests of the command in a folder of its own, which is made anew.
set -uo pipefail

part=$1 lemnos=$2 make_data=$3 folder=$4
failures=0
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder" || exit 1
"$make_data" . || exit 1
export LC_ALL=C.UTF-8

# ---- expectations ---------------------------------------------------------------------------------------------------

fail() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    echo "  command: $command"
    sed 's/^/  stdout: /' stdout | head -n 40
    sed 's/^/  stderr: /' stderr | head -n 40
}

# runs STATUS ARGUMENTS…: the command ends with that status.
runs() {
    local expected=$1 status=0
    shift
    command="lemnos $*"
    "$lemnos" "$@" >stdout 2>stderr </dev/null || status=$?
    [[ $status == "$expected" ]] || fail "the exit status is $status ($expected is expected)"
}
prints() { grep -qF -- "$1" stdout || fail "standard output lacks: $1"; }
says() { grep -qF -- "$1" stderr || fail "standard error lacks: $1"; }
matches() { grep -qE -- "$1" stdout || fail "standard output matches nowhere: $1"; }
silent() { [[ ! -s $1 ]] || fail "$1 is not empty"; }
exists() { [[ -s $1 ]] || fail "there is no file $1"; }
absent() { [[ ! -e $1 ]] || fail "there is a file $1"; }
# refused ARGUMENTS… -- SENTENCE: usage, status 2, on standard error alone, with where to find help
refused() {
    local arguments=()
    while [[ $1 != -- ]]; do
        arguments+=("$1")
        shift
    done
    runs 2 "${arguments[@]}"
    says "lemnos: $2"
    says 'Try "lemnos'
    silent stdout
}
# fails SENTENCE ARGUMENTS…: status 1
fails() {
    local sentence=$1
    shift
    runs 1 "$@"
    says "lemnos: $sentence"
}

need_device() {
    local status=0
    "$lemnos" devices >devices.txt 2>&1 || status=$?
    if [[ $status == 1 ]]; then
        cat devices.txt
        echo "Skipped: there is no device."
        exit 77
    fi
}

small=(--width 0.1 --option head=16 --option dropout=0 --batch 16 --rate 0.01)

# ---- the parts ------------------------------------------------------------------------------------------------------

test_arguments() {
    runs 0 --help
    for word in train schedule eval tune tune-alpha predict detect import summary profile devices "Usage: lemnos COMMAND" Examples; do prints "$word"; done
    silent stderr
    for name in train schedule eval tune tune-alpha predict summary profile devices; do
        runs 0 "$name" --help
        prints "Usage: lemnos $name"
        prints "Examples:"
        prints "  lemnos $name"
        prints "--json"
        [[ $(wc -L <stdout) -le 120 ]] || fail "the help of $name has lines of $(wc -L <stdout) columns"
    done
    runs 0 --version
    prints "Lemnos 0."

    runs 2
    says "Usage: lemnos COMMAND"
    refused trian -- 'There is no command "trian". Did you mean train?'
    refused frobnicate -- 'There is no command "frobnicate".'
    refused --vresion -- '"lemnos" has no option --vresion. Did you mean --version?'
    refused train --dta x -- '"lemnos train" has no option --dta. Did you mean --data?'
    refused train --epochs=2 --wdth=1 -- '"lemnos train" has no option --wdth. Did you mean --width?'
    refused train -- 'The option --data must be given.'
    refused train --data -- 'The option --data needs a value.'
    refused train --data idx --epochs two -- 'The option --epochs needs a whole number ("two" was given).'
    refused train --data idx --option width -- 'The option --option takes name=value ("width" was given).'
    refused eval --data idx -- 'The option --model must be given.'
    refused predict --model x -- 'Either image files or --data DIR are needed.'
    refused predict --model x --picture y image.png -- 'The option --picture needs --data DIR.'
    refused predict --model x --count 0 --data idx -- 'The option --count (0) is out of range (1 to 1048576).'
    refused predict --model x --top 0 image.png -- 'The option --top (0) is out of range (1 to 2147483647).'
    refused predict --model x --data idx --picture '' -- 'The option --picture needs a value (an empty one was given).'
    refused predict --model x '' -- 'An argument is empty.'
    refused predict --model x --channel-groups 0 image.png -- 'The option --channel-groups (0) is out of range (1 to 65536).'
    for size in 3X -1 .5M 3MiBB M 99999999999999999999T; do
        refused predict --model x "--memory-limit=$size" image.png -- \
            "The option --memory-limit ($size) is no number of bytes such as 3000000, 3M or 2.5MiB."
        refused train --data idx "--memory-limit=$size" -- \
            "The option --memory-limit ($size) is no number of bytes such as 3000000, 3M or 2.5MiB."
    done
    for value in nan inf 1e400; do
        refused train --data idx --rate $value -- "The option --rate needs a finite number (\"$value\" was given)."
        refused summary mobilenet_v2 --width $value -- "The option --width needs a finite number (\"$value\" was given)."
    done
    refused train --data idx --width 1 --width x -- 'The option --width needs a number ("x" was given).'
    refused train --data idx --batch '' -- 'The option --batch needs a value (an empty one was given).'
    refused train --data idx --batch 1.5 -- 'The option --batch needs a whole number ("1.5" was given).'
    refused train --data idx --batch 99999999999999999999 -- 'The option --batch (99999999999999999999) is out of range'
    refused train --data idx --resolution -1 -- 'The option --resolution (-1) is out of range (0 to 16384).'
    refused train --data idx --eval-every -1 -- 'The option --eval-every (-1) is out of range (0 to '
    refused train --data idx --drop-last --keep-tail -- 'The options --drop-last and --keep-tail exclude each other.'
    refused summary -- 'Either the name of an architecture or --model FILE is needed.'
    refused summary mobilenet_v2 extra -- 'The argument "extra" is one too many.'
    refused profile -- 'Either a model or --model FILE is needed.'
    refused profile mobilenet_v2 --by operators -- 'The option --by (operators) is not one of operator, kernel, layer, phase. Did you mean operator?'
    refused profile mobilenet_v2 --repeat 0 -- 'The option --repeat (0) is out of range (1 to 1000000).'
    refused profile mobilenet_v2 --optimizer sgd -- 'The option --optimizer needs --train.'

    runs 0 summary mobilenet_v2 --width 1.0 --resolution 224
    matches '^layer +operators +output +parameters +MACs$'
    matches '^total +3,504,872 +300,774,272$'
    runs 0 summary mobilenet_v2 --width 0.35 --preset small28 --channels 1 --classes 10 --json
    prints '"parameters": 281674'
    prints '"macs": 3018544'
    for row in "1.4 6108776 582195824" "0.75 2636424 209069792" "0.5 1968680 97131840" "0.35 1677128 59285808"; do
        read -r width parameters macs <<<"$row"
        runs 0 summary mobilenet_v2 --width "$width" --resolution 224 --json
        prints "\"parameters\": $parameters"
        prints "\"macs\": $macs"
    done
    fails 'There is no model "mobilnet". Did you mean "mobilenet_v1"?' summary mobilnet
    fails 'Model mobilenet_v2 has no attribute "dropuot". Did you mean "dropout"?' summary mobilenet_v2 --option dropuot=1
    fails 'There is no model "resnet20". Did you mean "resnet20_cifar"?' summary resnet20
    fails 'The options {"x":"' summary mobilenet_v2 --option $'x=\xff'
    says 'are not UTF-8.'
    silent stdout

    command="lemnos devices, without a driver"
    env VK_DRIVER_FILES=/nonexistent VK_ICD_FILENAMES=/nonexistent "$lemnos" devices >stdout 2>stderr
    [[ $? == 1 ]] || fail "the exit status is not 1"
    says "lemnos: The Vulkan loader found no driver. Install a Vulkan driver: "
    need_device
    runs 0 devices
    matches '^# +name +type +driver +Vulkan +memory +kernels$'
    matches '^0  '
    runs 0 devices --json
    prints '"uuid": "'
    fails 'No Vulkan device matches "unobtainium"' train --data idx --device unobtainium
}

test_tune() {
    need_device
    export XDG_CACHE_HOME=$PWD/tuned # what was found is kept there
    runs 0 tune --show
    prints 'Nothing was tuned on this device.'
    runs 0 tune mobilenet_v2 --preset small28 --width 0.1 --resolution 8
    matches '^pass +convolution +times +default +best +ratio$'
    matches '^forward +1x[0-9]+x[0-9]+x[0-9]+ -> [0-9]+x[0-9]+x[0-9]+, 3x3 '
    matches '^all .* ms .* ms +[01]\.[0-9]+$'
    runs 0 tune --show
    matches '^forward +1x'
    runs 0 tune --export shipped.jsonl
    matches '^Wrote [0-9]+ decisions to shipped.jsonl.$'
    runs 0 tune --clear
    matches '^Forgot [0-9]+ decisions.$'
    runs 0 tune --import shipped.jsonl
    matches '^Took [0-9]+ decisions from shipped.jsonl.$'
    runs 0 tune --show --json
    prints '"best_seconds": '
    refused tune -- 'A model is needed.'
    refused tune mobilenet_v2 --show -- 'A model is tuned, or what was found is managed; not both.'
    fails 'The file "none" could not be read.' tune --import none
    echo '{}' >damaged.jsonl
    fails 'These decisions about kernels are damaged, in the line "{}".' tune --import damaged.jsonl
    command="LEMNOS_KERNELS=magic lemnos tune --show"
    env LEMNOS_KERNELS=magic "$lemnos" tune --show >stdout 2>stderr
    [[ $? == 1 ]] || fail "the exit status is not 1"
    says 'LEMNOS_KERNELS names "magic", which is no kernel (scalar, tiled, '
    unset XDG_CACHE_HOME
}

test_train() {
    need_device
    runs 0 train --data idx "${small[@]}" --epochs 4 --out model.safetensors --events runs/first
    matches '^device +'
    matches '^data +idx: 210 images of 16 x 16 x 1, 4 classes; 42 to test on$'
    matches '^model +mobilenet_v2 \(small28\): [0-9,]+ parameters, [0-9,]+ MACs$'
    matches '^training +4 epochs, 52 steps, 16 images a step; radam, one_cycle, rate 0.01$'
    matches '^epoch 4/4  step 52/52  loss [0-9.]+  accuracy [0-9.]+ %'
    matches '^test +accuracy [0-9.]+ % \([0-9]+ of 42\), loss [0-9.]+$'
    matches '^written +model.safetensors, model.csv$'
    silent stderr
    exists model.safetensors
    absent model.checkpoint.safetensors
    [[ $(head -n1 model.csv) == split,epoch,step,images,loss,accuracy,rate,seconds,batch,gradient_norm,noise_batch,map_50 ]] || fail "the CSV has another header"
    [[ $(grep -c '^test,' model.csv) == 4 ]] || fail "the CSV has not 4 rows of tests"
    for epoch in 1 2 3 4; do
        grep -q "^train,$epoch,$((13 * epoch)),$((208 * epoch))," model.csv || fail "the CSV lacks the end of epoch $epoch"
    done
    awk -F, 'NF != 12 { exit 1 }' model.csv || fail "the CSV has rows without 12 cells"

    # TensorBoard's event file says what the CSV says.
    python3 "$(dirname "${BASH_SOURCE[0]}")/read_events.py" runs/first/events.out.tfevents.* >events.txt || fail "the event file cannot be read"
    for tag in loss accuracy rate batch gradient_norm; do
        [[ $(grep -c "^train/$tag " events.txt) == 52 ]] || fail "the event file has not 52 values of train/$tag"
    done
    [[ $(grep -c '^test/accuracy ' events.txt) == 4 ]] || fail "the event file has not 4 values of test/accuracy"
    [[ $(grep '^test/accuracy 52 ' events.txt | cut -d' ' -f3) == $(awk -F, '/^test,4,/ { printf "%g", $6 }' model.csv) ]] ||
        fail "the event file and the CSV differ in the last accuracy"
    grep -q '^train/batch 52 16$' events.txt || fail "the event file has another batch at step 52"

    runs 0 eval --model model.safetensors --data idx
    matches '^accuracy +[0-9.]+ % \([0-9]+ of 42 images\)$'
    runs 0 eval --model model.safetensors --data idx --split train --json --batch 50
    prints '"images": 210'
    runs 0 summary --model model.safetensors
    matches '^mobilenet_v2, input 16 x 16 x 1, 4 classes$'

    # The same seed gives the same file, another seed another one.
    runs 0 train --data idx "${small[@]}" --epochs 2 --seed 7 --out a.safetensors --json
    prints '"test": {'
    prints '"steps": 26'
    says "epoch 2/2"
    runs 0 train --data idx "${small[@]}" --epochs 2 --seed 7 --out b.safetensors --eval-every 0 --metrics other.csv
    cmp a.safetensors b.safetensors || fail "one seed gave two models"
    runs 0 train --data idx "${small[@]}" --epochs 2 --seed 8 --out b.safetensors
    ! cmp -s a.safetensors b.safetensors || fail "two seeds gave one model"

    # In less memory the same model.
    runs 1 train --data idx "${small[@]}" --epochs 2 --seed 7 --out b.safetensors --memory-limit 1K
    says "The activations of a training step of mobilenet_v2 in micro-batches of 16 take at least "
    least=$(sed -n 's/.*at least \([0-9]*\) bytes.*/\1/p' stderr)
    runs 0 train --data idx "${small[@]}" --epochs 2 --seed 7 --out b.safetensors --memory-limit "${least:-1}"
    cmp a.safetensors b.safetensors || fail "a limit of memory changed the model"
    exists other.csv

    runs 0 train --data idx "${small[@]}" --epochs 1 --out c.safetensors --micro-batch 8 --optimizer sgd \
        --optimizer-option momentum=0.9 --weight-decay 1e-4 --schedule cosine --warmup 0.1 --schedule-option end=0.1 \
        --label-smoothing 0.1 --crop 2 --flip --keep-tail --trainer-option loader_threads=2 \
        --class-names "up left,up right,down left,down right"
    matches '^training +1 epoch, 14 steps'

    # Statistics over single images are warned of; fine-tuning with frozen ones has no such trouble.
    runs 0 train --data idx "${small[@]}" --epochs 1 --out d.safetensors --trainer-option ghost=1
    says "lemnos: Warning: The batch statistics of features."
    [[ $(wc -l <stderr) == 1 ]] || fail "there is not one warning"
    LEMNOS_VERBOSE='' runs 0 train --data idx "${small[@]}" --epochs 1 --out d.safetensors --trainer-option ghost=1
    silent stderr
    runs 0 train --data idx "${small[@]}" --epochs 1 --out d.safetensors --trainer-option ghost=1 \
        --trainer-option frozen_statistics="*" --trainer-option policies="features.* frozen; @gamma rate=1"
    silent stderr

    fails 'The data set "nowhere" is no folder that can be read.' train --data nowhere
    fails 'The folder "no" of the file "no/model.safetensors" does not exist.' train --data idx --out no/model.safetensors
    fails 'There is no optimizer "adma". Did you mean "adam"?' train --data idx --optimizer adma
    fails 'There is no schedule "cosin". Did you mean "cosine"?' train --data idx --schedule cosin
    fails 'Optimizer radam has no attribute "beta". Did you mean "beta1"?' train --data idx --optimizer-option beta=1
    fails 'The batch (211) is larger than the data set (210 images).' train --data idx --batch 211 --width 0.1
    fails 'The file "model.checkpoint.safetensors" cannot be read: No such file or directory.' \
        train --data idx "${small[@]}" --resume
    fails 'The file "model.safetensors" is no checkpoint of a training; it may be a finished model.' \
        train --data idx "${small[@]}" --resume model.safetensors
    # What is wrong with the files to be written, the data and the model is said before the first step.
    fails 'The options --out and --metrics name one file ("a.csv").' train --data idx --out a.csv
    fails 'The options --out and --checkpoint name one file ("a.safetensors").' \
        train --data idx --out a.safetensors --checkpoint ./a.safetensors
    fails 'The file "/dev/full" is no regular file.' train --data idx --out /dev/full --metrics a.csv
    fails 'The file "/dev/full" cannot be written: No space left on device.' \
        train --data idx "${small[@]}" --out a.safetensors --metrics /dev/full
    fails 'The option --class-names has an empty name ("a,,c,d").' train --data idx --class-names a,,c,d
    fails 'The options {"class_names":["' train --data idx --class-names $'\xff,b,c,d'
    fails 'The records in "idx" are 16 x 16 x 1, and not 0 x 0 x 3 as asked (0 stands for any); only image files are scaled.' \
        train --data idx --channels 3
    ! grep -q -- --resolution stderr || fail "a resolution is asked for that helps nothing"
    for option in classes=3 channels=3 resolution=28; do
        fails "The model's option ${option%=*} (${option#*=}) is not what the data set has" train --data idx --option $option
    done
    fails 'Model mobilenet_v2: the attribute preset ("small") is none of its choices' train --data idx --option preset=small
    mkdir odd
    cp idx/train-* odd
    printf '\0\0\10\3\0\0\0\1\0\0\0\2\0\0\0\2wxyz' >odd/t10k-images-idx3-ubyte
    printf '\0\0\10\1\0\0\0\1\0' >odd/t10k-labels-idx1-ubyte
    fails 'The test images of "odd" are 2 x 2 x 1, and those of train 16 x 16 x 1.' train --data odd
    printf '\0\0\10\3\0\0\0\1\0\0\0\2\0\0\0\2wxyz' >odd/train-images-idx3-ubyte
    printf '\0\0\10\1\0\0\0\1\0' >odd/train-labels-idx1-ubyte
    fails 'The images of "odd" are of one class, "0" (at least 2 are needed).' train --data odd

    fails 'The ' train --data broken
    says broken/train-images-idx3-ubyte
    fails 'The file "none.safetensors" cannot be read: No such file or directory.' eval --model none.safetensors --data idx
    head -c 1000 model.safetensors >cut.safetensors
    fails 'The ' eval --model cut.safetensors --data idx
    says '"cut.safetensors" is malformed'
}

# A disk that is full: files that exist survive, and nothing is left beside them.
test_schedule() {
    local -a paper=(--optimizer sgd --rate 0.1 --momentum 0.9 --examples 50000 --epochs 200)
    runs 0 schedule --show --schedule grow_batch --schedule-option largest_batch=5120 "${paper[@]}"
    matches '^1 to 60 +128 +0.1 +0.9 +389.625 +390.625 +23,400$'
    matches '^161 to 200 +5,120 +0.032 +0.9 +2.805 +3.125 +360$'
    matches '^total +29,040$'
    prints "Updates: 29140.6 by images over batch, 29,040 without the epochs' tails, 29,240 with them."
    prints "images a step (logarithmic)"
    silent stderr
    runs 0 schedule --schedule decay_rate "${paper[@]}" --json
    prints '"approximate_noise": 390.62'
    prints '"drop_last": 78000'
    runs 0 schedule --schedule adaptive --micro-batch 64 "${paper[@]}"
    prints "this is how it starts"
    runs 0 schedule --schedule chain --schedule-option "parts=linear for 5 epochs; cosine" --examples 500 --epochs 10
    runs 2 schedule --schedule cosine
    says "Either --examples COUNT or --data DIR is needed."
    fails 'There is no schedule "cosin". Did you mean "cosine"?' schedule --schedule cosin --examples 500
    fails 'The micro-batch (64) does not divide the batch (100).' schedule --schedule grow_batch --batch 100 --micro-batch 64 --examples 500
    fails 'The batch (128) is larger than the data set (100 images).' schedule --examples 100 --batch 128
    need_device
    runs 0 schedule --data idx --batch 16
    prints "one_cycle with radam: 210 images, 2 epochs, micro-batches of 16"
    # A batch that grows, averaged weights, and what a resumed run may not change.
    runs 0 train --data idx "${small[@]}" --epochs 3 --micro-batch 8 --schedule grow_batch \
        --schedule-option milestones=[1,2] --schedule-option factor=2 --schedule-option largest_batch=64 \
        --average 0.9 --clip-norm 1 --trainer-option loss_scaling=true --checkpoint-every 16 --out grown.safetensors
    matches '^batch +32 images a step from here on$'
    matches '^epoch 3/3  step 22/22 '
    fails 'The checkpoint "grown.checkpoint.safetensors" belongs to another training: its optimizer is radam (here adam), ' train --data idx "${small[@]}" --epochs 3 --optimizer adam --out grown.safetensors --resume
    fails 'Optimizer radam: the attribute beta1 (1) is outside its range (0 to below 1).' train --data idx "${small[@]}" --optimizer-option beta1=1
}

test_normalisers() {
    runs 0 summary mobilenet_v2 --norm group:32
    matches '^features.0 +conv2d, normalisation '
    fails 'The normaliser "ghosts" is not known (batch, ghost:EXAMPLES, group:GROUPS, batch-group:EXAMPLESxGROUPS, instance or layer is meant).' summary mobilenet_v2 --norm ghosts
    fails 'The layer features.2.conv.0.1 has 96 channels, which 7 groups, of 13 channels each, do not divide; choose a number of groups that does.' summary mobilenet_v2 --norm group:7
    need_device
    fails 'The layer features.0.1 normalises 6 images together, which do not divide the batch (16); another batch, micro_batch or normaliser is needed.' train --data idx "${small[@]}" --norm ghost:6
    runs 0 train --data idx "${small[@]}" --epochs 2 --norm ghost:4 --out ghost.safetensors
    runs 0 tune-alpha --model ghost.safetensors --data idx --out tuned.safetensors
    matches '^ *alpha +accuracy +loss'
    matches '^ *0.25 [*p] '
    matches 'p, or 1 / the images normalised together in training, is 0.25'
    matches '^The model with alpha [0-9.]+ is in tuned.safetensors.$'
    runs 0 tune-alpha --model ghost.safetensors --data idx --alphas 0,0.5 --layers 'features.1*' --json
    prints '"best"'
    prints '"split": "test"'
    [[ $(head -c 1 stdout) == "{" && $(tail -n 1 stdout) == "}" ]] || fail "this is not JSON alone"
    runs 0 eval --model tuned.safetensors --data idx --alpha 0
    cp stdout plain
    runs 0 eval --model ghost.safetensors --data idx
    diff <(head -2 plain) <(head -2 stdout) || fail "alpha 0 is not what the model is without it"
    fails "The weight alpha of an image's own moments (2) is not from 0 to 1." eval --model ghost.safetensors --data idx --alpha 2
    fails 'The option --alphas has "x" (numbers from 0 to 1 are meant, separated by commas).' tune-alpha --model ghost.safetensors --data idx --alphas 0,x
    fails 'No layer of batch normalisation fits "head*" (the first is named "features.0.1").' tune-alpha --model ghost.safetensors --data idx --layers 'head*'
    runs 0 train --data idx "${small[@]}" --epochs 1 --norm group:4 --out group.safetensors
    fails 'No layer of batch normalisation fits "*" (the model has none).' tune-alpha --model group.safetensors --data idx
    runs 0 train --data idx "${small[@]}" --epochs 1 --norm batch-group:2x4 --out both.safetensors \
        --weight-decay 0.01 --trainer-option "policies=@gamma target=1; @beta decay=0.5"
}

test_finetuning() {
    need_device
    runs 0 train --data idx "${small[@]}" --epochs 1 --out base.safetensors
    runs 0 train --data idx --width 0.1 --option head=24 --option dropout=0 --batch 16 --rate 0.01 --epochs 1 --init base.safetensors --out tuned.safetensors \
        --trainer-option "policies=* frozen; features.18.* rate=1; classifier.* rate=1" --trainer-option "frozen_statistics=*"
    matches '^initial +base.safetensors: [0-9]+ of [0-9]+ tensors and the preparation of pixels; of another shape: .*classifier.1.weight'
    # Resumed, it is the same training: with the file's preparation of pixels.
    local -a fine=(--data idx "${small[@]}" --epochs 2 --init tuned.safetensors --option head=24)
    runs 0 train "${fine[@]}" --checkpoint-every 16 --checkpoint half.safetensors --out whole.safetensors
    runs 0 train "${fine[@]}" --checkpoint half.safetensors --out again.safetensors --resume
    cmp whole.safetensors again.safetensors || fail "a fine-tuning that was resumed ends elsewhere"
    fails 'The policy "@gamma" says nothing of what it selects' train --data idx "${small[@]}" --trainer-option policies=@gamma
    runs 0 summary wrn --width 2
    fails 'Model wrn: the attribute width must be an integer (2.5 was given).' summary wrn --width 2.5
    fails 'The option ghost (4) is of no use: the model has no batch normalisation.' train --data idx "${small[@]}" --norm group:4 --trainer-option ghost=4
    fails 'The folder "nowhere" of the file "nowhere/x" does not exist.' tune-alpha --model tuned.safetensors --data idx --out nowhere/x
    fails 'The option --alphas has ""' tune-alpha --model tuned.safetensors --data idx --alphas 0,1,
    fails 'The file "none" cannot be read: No such file or directory.' train --data idx "${small[@]}" --init none
}

test_detect() {
    need_device
    local -a small_detector=(--task detect --resolution 64 --width 0.25 --batch 8 --optimizer adamw --rate 0.01)
    runs 0 train --data boxes "${small_detector[@]}" --epochs 4 --eval-every 2 --out found.safetensors --events runs
    matches '^data +boxes: 32 images of 64 x 64 x 3, 2 classes, 32 boxes; 8 to test on$'
    matches '^model +ssdlite_mobilenet_v2: [0-9,]+ parameters, [0-9,]+ MACs$'
    matches '^epoch 4/4  step 16/16  loss [0-9.]+  [0-9]+ images/s$'
    matches '^test +mAP [0-9.]+ % at an overlap of 0.5, [0-9.]+ % over 0.50 to 0.95 \(8 boxes in 8 images\)$'
    [[ $(grep -c '^val,' found.csv) == 2 ]] || fail "the CSV has not 2 rows of tests"
    awk -F, '/^train/ && ($6 != "" || $12 != "") || /^val/ && ($5 != "" || $12 == "") { exit 1 }' found.csv || fail "the CSV has other columns"
    python3 "$(dirname "${BASH_SOURCE[0]}")/read_events.py" runs/events.out.tfevents.* >events.txt || fail "the event file cannot be read"
    [[ $(grep -c '^val/map_50 ' events.txt) == 2 ]] || fail "the event file has not 2 values of val/map_50"

    runs 0 eval --model found.safetensors --data boxes --split val
    matches '^bright +[0-9]+ '
    matches '^mean +8 '
    runs 0 eval --model found.safetensors --data boxes --split val --json
    prints '"map_50_voc2007"'
    runs 0 summary --model found.safetensors
    matches '^ssdlite_mobilenet_v2, input 64 x 64 x 3, 2 classes, [0-9]+ anchors$'
    runs 0 detect --model found.safetensors --score 0.01 --out drawn --picture sheet.png boxes/images/33.png boxes/images/34.png
    exists sheet.png
    exists drawn/33.png
    exists drawn/34.png
    prints '"drawing": "drawn/33.png"'
    prints '"box": ['
    python3 -c 'import json; found = json.load(open("stdout")); assert [len(each["objects"]) > 0 for each in found] == [True, True]' ||
        fail "nothing is found at a score of 0.01"
    runs 0 detect --model found.safetensors --score 1 boxes/images/33.png
    prints '"objects": []'

    # Bad pictures and boxes are errors, or named, counted and left out.
    fails 'The box in line 42 of "bad/boxes.csv" reaches out of its picture' train --data bad "${small_detector[@]}" --out bad.safetensors
    absent bad.safetensors
    runs 0 train --data bad "${small_detector[@]}" --epochs 1 --skip-bad --out bad.safetensors
    matches '^left out +1 image and 2 boxes.$'
    prints 'text.png'

    # What belongs to the other task says so.
    fails 'The images of "boxes" have boxes: they are for --task detect.' train --data boxes --resolution 64
    fails 'The images of "folder" have no boxes; --task detect needs them.' train --data folder "${small_detector[@]}"
    refused train --data boxes --task detect --model resnet18 -- 'The model resnet18 is made to classify (the task is to detect).'
    refused train --data boxes --task find -- 'The task "find" is not known (classify or detect).'
    runs 0 train --data idx "${small[@]}" --epochs 1 --out class.safetensors
    fails 'The model "class.safetensors" classifies images; lemnos predict is for such models.' detect --model class.safetensors image.png
    fails 'The model "found.safetensors" finds objects; lemnos detect is for such models.' predict --model found.safetensors image.png
    fails 'The image "text.png" cannot be decoded' detect --model found.safetensors text.png

    # A model from weights alone.
    runs 0 import ssdlite_mobilenet_v2 --resolution 64 --width 0.25 --classes 2 --weights found.safetensors --out imported.safetensors
    matches '^imported.safetensors: ssdlite_mobilenet_v2, [0-9,]+ parameters, 2 classes$'
    printf 'bright\ndark\n' >names.txt
    runs 0 import ssdlite_mobilenet_v2 --resolution 64 --width 0.25 --classes 2 --weights found.safetensors --class-names names.txt --out imported.safetensors
    runs 0 detect --model imported.safetensors --score 0.01 boxes/images/33.png
    cp stdout imported.txt
    runs 0 detect --model found.safetensors --score 0.01 boxes/images/33.png
    cmp stdout imported.txt || fail "an imported model finds other objects"
    fails 'There are 3 class names for 2 classes.' import ssdlite_mobilenet_v2 --resolution 64 --width 0.25 --classes 2 --weights found.safetensors \
        --class-names <(printf 'a\nb\nc\n') --out imported.safetensors
    fails 'The file "found.safetensors" does not fit the model: ' import mobilenet_v2 --weights found.safetensors
}

test_full() {
    need_device
    if [[ ${LEMNOS_TEST_NAMESPACE:-} != 1 ]]; then # of its own, where anybody may mount
        if ! unshare -rm true 2>/dev/null; then
            echo "Skipped: no disk can be mounted."
            exit 77
        fi
        LEMNOS_TEST_NAMESPACE=1 exec unshare -rm "$BASH" "$0" full "$lemnos" "$make_data" "$folder"
    fi
    runs 0 train --data idx "${small[@]}" --epochs 1 --out model.safetensors --checkpoint-every 5
    mkdir disk
    mount -t tmpfs -o size=64k tmpfs disk || exit 77
    local kept
    for kept in old.safetensors old.png old.csv; do echo old >disk/$kept; done
    head -c 1M /dev/zero >disk/fill 2>/dev/null
    no_space() {
        local file=$1
        shift
        fails "The file \"disk/$file\" cannot be written: No space left on device." "$@"
        [[ $(wc -l <stderr) == 1 ]] || fail "that is not one sentence"
        [[ -z $(find disk -name '.lemnos-*') ]] || fail "a temporary file is left"
    }
    local run=(train --data idx "${small[@]}" --epochs 1)
    no_space old.safetensors "${run[@]}" --out disk/old.safetensors --metrics new.csv
    no_space old.safetensors "${run[@]}" --checkpoint disk/old.safetensors --checkpoint-every 3 --out new.safetensors
    no_space old.png predict --model model.safetensors --data idx --picture disk/old.png
    no_space old.csv "${run[@]}" --out new.safetensors --metrics disk/old.csv
    no_space old.csv "${run[@]}" --out new.safetensors --metrics disk/old.csv --resume model.checkpoint.safetensors
    no_space new.csv "${run[@]}" --out new.safetensors --metrics disk/new.csv
    for kept in old.safetensors old.png old.csv; do
        [[ $(cat disk/$kept) == old ]] || fail "$kept did not survive"
    done
    absent new.safetensors
    absent disk/new.csv

    mount -o remount,ro disk
    fails 'The file "disk/new.safetensors" cannot be written: Read-only file system.' \
        "${run[@]}" --out disk/new.safetensors --metrics new.csv
    silent stdout
}

# Files that are not whole.
test_files() {
    need_device
    runs 0 train --data idx "${small[@]}" --epochs 1 --out model.safetensors --checkpoint-every 5
    local size header bytes
    size=$(stat -c %s model.safetensors)
    header=$(od -An -tu8 -N8 model.safetensors | tr -d ' ')
    for bytes in 0 1 7 8 9 100 $((header / 2)) $((header + 7)) $((header + 8)) $((header + 9)) $((size / 2)) $((size - 1)); do
        head -c "$bytes" model.safetensors >cut.safetensors
        fails 'The safetensors file "cut.safetensors" is malformed: ' summary --model cut.safetensors
        [[ $(wc -l <stderr) == 1 ]] || fail "that is not one sentence"
    done
    head -c "$((size / 2))" model.checkpoint.safetensors >cut.safetensors
    fails 'The safetensors file "cut.safetensors" is malformed: ' \
        train --data idx "${small[@]}" --epochs 1 --out new.safetensors --resume cut.safetensors
    sed 's/\\"attributes\\"/\\"attribuues\\"/' model.safetensors >flipped.safetensors
    fails 'The file "flipped.safetensors": node ' summary --model flipped.safetensors
    says 'The member "attribuues" is not known.'

    runs 0 train --data idx "${small[@]}" --epochs 1 --json --out $'\xff.safetensors' --metrics new.csv
}

test_folder() {
    need_device
    fails 'The images in "folder" need a height and a width' train --data folder
    says 'The option --resolution gives it.'
    runs 0 train --data folder --resolution 12 "${small[@]}" --batch 8 --epochs 1 --out rgb.safetensors
    matches '^data +folder: 32 images of 12 x 12 x 3, 4 classes; 12 to test on$'
    runs 0 train --data folder --resolution 12 --channels 1 "${small[@]}" --batch 8 --epochs 1 --out grey.safetensors
    runs 0 eval --model grey.safetensors --data folder
    prints "of 12 images"
    runs 0 predict --model rgb.safetensors folder/test/*/0.png --top 4 --json
    prints '"class": "south-east"'
}

test_predict() {
    need_device
    runs 0 train --data idx "${small[@]}" --epochs 3 --class-names "up left,up right,down left,down right" \
        --out model.safetensors
    runs 0 predict --model model.safetensors image.png
    matches '^image +class +probability$'
    matches '^image.png +(up|down) (left|right) +[0-9.]+ %$'
    [[ $(wc -l <stdout) == 5 ]] || fail "there are not three rows"
    runs 0 predict --model model.safetensors --top 9 --json image.png image.png
    [[ $(grep -c '"class"' stdout) == 8 ]] || fail "there are not two times four classes"
    runs 0 predict --model model.safetensors --data idx --count 10 --picture sheet.png
    matches '^image +true class +predicted class +probability'
    matches '^[0-9]+ of 10 images are classified correctly.$'
    prints 'The picture is sheet.png.'
    [[ $(head -c 8 sheet.png | od -An -tx1 | tr -d ' \n') == 89504e470d0a1a0a ]] || fail "sheet.png is no PNG"
    runs 0 predict --model model.safetensors --data idx --count 1000 --json
    prints '"images": 42'
    runs 0 predict --model model.safetensors --channel-groups 3 image.png
    matches '^Activations take [0-9.]+ KiB \([0-9.]+ % of [0-9.]+ KiB\); blocks in groups of channels: features.2.conv in 3, '
    runs 0 predict --model model.safetensors --least-memory --json image.png
    [[ $(head -c 1 stdout) == '[' ]] || fail "the result is no JSON"
    runs 0 predict --model model.safetensors --memory-limit 1GiB image.png
    prints 'blocks in groups of channels: none.'
    runs 1 predict --model model.safetensors --memory-limit 1K image.png
    grep -q 'The activations of mobilenet_v2 in batches of 1 take at least [0-9]* bytes (the memory limit is 1000 bytes).' stderr ||
        fail "the limit is not named"
    fails 'The image "text.png" cannot be decoded: it has 17 bytes and begins like neither a PNG nor a JPEG.' \
        predict --model model.safetensors text.png
    fails 'The file "none.png" cannot be read: No such file or directory.' predict --model model.safetensors none.png
    fails 'The file "/nonexistent/x.png" cannot be written: No such file or directory.' \
        predict --model model.safetensors --data idx --picture /nonexistent/x.png
}

# Ctrl-C while it trains saves a checkpoint and says how to go on; what it says works, and gives the unbroken run's model.
# Where the time goes: tables, JSON, and a trace. What is timed is what is run.
test_profile() {
    need_device
    local network=(mobilenet_v2 --preset small28 --width 0.1 --resolution 16 --channels 1 --classes 4 --option head=16)
    runs 0 profile "${network[@]}" --repeat 3
    matches '^mobilenet_v2, 16 x 16 x 1, batch 1, inference$'
    matches ', medians of 3 runs$'
    matches '^operator +n +ms +share +GFLOP/s +GB/s +of ceiling$'
    matches '^conv2d +[0-9]+ +[0-9.]+ +[0-9.]+ % +[█▏▎▍▌▋▊▉]+ +[0-9.]+ +[0-9.]+ +[0-9]+ % (flops|bytes)$'
    matches '^total +[0-9]+ +[0-9.]+ +100.0 % '
    matches '^A run takes [0-9.]+ (us|ms|s) \([0-9.]+ images/s\), and the device works [0-9.]+ % of that\.'
    silent stderr
    [[ $(wc -L <stdout) -le 100 ]] || fail "the table has $(wc -L <stdout) columns"
    [[ $(sed -n '/^-----/,/^-----/p' stdout | awk '$3 ~ /^[0-9.]+$/ { if (last != "" && $3 > last) exit 1; last = $3 }'; echo $?) == 0 ]] ||
        fail "the rows are not sorted by time"

    runs 0 profile "${network[@]}" --repeat 2 --by layer --top 3 --batch 4
    matches '^layer +n +ms'
    matches '^[0-9]+ others +[0-9]+ '
    [[ $(grep -cE ' % +[█▏▎▍▌▋▊▉]' stdout) -le 4 ]] || fail "there are more rows than --top asks for"
    runs 0 profile "${network[@]}" --repeat 2 --by kernel
    matches '^conv2d_[a-z_]+'
    LC_ALL=C runs 0 profile "${network[@]}" --repeat 2
    matches '^conv2d .* % +#+ '

    runs 0 profile "${network[@]}" --train --batch 8 --repeat 2 --by phase --trace trace.json
    matches 'batch 8, a training step$'
    for phase in forward backward update; do matches "^$phase +[0-9]+ +[0-9.]+ "; done
    matches '^A step takes '
    prints 'The trace is trace.json; https://ui.perfetto.dev shows it.'
    python3 "$(dirname "${BASH_SOURCE[0]}")/read_trace.py" trace.json >stdout || fail "the trace is not what it should be"
    matches '^[0-9]+ dispatches in [0-9]+ submissions'

    runs 0 profile "${network[@]}" --train --batch 8 --repeat 2 --json --optimizer sgd --trainer-option micro_batch=4
    python3 - <<'END' || fail "the JSON is not what it should be"
import json
profile = json.load(open("stdout"))
assert (profile["mode"], profile["batch"], profile["runs"]) == ("training", 8, 2), profile
rows = profile["profile"]["dispatches"]
assert {row["runs"] for row in rows if row["plan"] == "accumulate"} == {4}, "two micro-batches a step"
assert {row["runs"] for row in rows if row["plan"] == "update"} == {2}
assert 0 < profile["device_share"] <= 1 and profile["run_seconds"] > 0
END

    # A file, by both ways of naming it, and what cannot be.
    runs 0 train --data idx "${small[@]}" --epochs 1 --out model.safetensors
    runs 0 profile model.safetensors --repeat 2
    runs 0 profile --model model.safetensors --repeat 2 --train --data idx --batch 16
    fails 'There is no model "mobilnet".' profile mobilnet
    fails 'A detector is trained on images with boxes; give some with --data DIR.' profile ssdlite_mobilenet_v2 --train --batch 1
    fails 'The trace "nowhere/trace.json" cannot be written.' profile "${network[@]}" --repeat 1 --trace nowhere/trace.json

    # On a terminal the table is as wide as that.
    if command -v script >/dev/null; then
        for columns in 80 100; do
            command="lemnos profile, on a terminal of $columns columns"
            script -qec "stty cols $columns; '$lemnos' profile ${network[*]} --repeat 2 --by layer" /dev/null </dev/null >stdout 2>stderr
            [[ $(sed '/^-----/!d; q' stdout | tr -d '\r' | wc -L) -le $columns ]] || fail "the table has more than $columns columns"
        done
    fi
}

test_stop() {
    need_device
    local run=(train --data idx "${small[@]}" --epochs 40 --eval-every 0) status=0 process tries=0
    runs 0 "${run[@]}" --out whole.safetensors

    command="lemnos ${run[*]} --out stopped.safetensors, and SIGINT"
    set -m # gives the process back the SIGINT that a shell's background jobs ignore
    "$lemnos" "${run[@]}" --out stopped.safetensors >stdout 2>stderr </dev/null &
    process=$!
    set +m
    while [[ $(grep -c '^train' stopped.csv 2>/dev/null) -lt 30 && $tries -lt 600 ]]; do
        sleep 0.05
        tries=$((tries + 1))
    done
    kill -INT $process
    wait $process || status=$?
    [[ $status == 130 ]] || fail "the exit status is $status (130 is expected)"
    says "lemnos: Stopping; Ctrl-C again quits at once."
    says "lemnos: Stopped at step "
    says "lemnos train --data idx"
    says " --resume"
    exists stopped.checkpoint.safetensors
    absent stopped.safetensors
    local again
    again=$(sed -n 's/^  lemnos //p' stderr)
    command="lemnos $again"
    status=0
    eval "\"$lemnos\" $again" >stdout 2>stderr </dev/null || status=$?
    [[ $status == 0 ]] || fail "the exit status is $status"
    matches '^resumed +stopped.checkpoint.safetensors: step [0-9]+ of 520$'
    cmp whole.safetensors stopped.safetensors || fail "the resumed run gave another model than the unbroken one"
    [[ $(cut -d, -f3 stopped.csv | tail -n +2 | sort -n | uniq -d | wc -l) -le 1 ]] || fail "the CSV repeats steps"
    runs 1 train --data idx "${small[@]}" --epochs 41 --resume stopped.checkpoint.safetensors
    says "belongs to another training"

    # Checkpoints while it trains.
    runs 0 train --data idx "${small[@]}" --epochs 1 --checkpoint kept.safetensors --checkpoint-every 5 --out one.safetensors
    exists kept.safetensors
    runs 0 eval --model kept.safetensors --data idx

    # On a terminal there is a bar, and the lines that stay.
    if command -v script >/dev/null; then
        command="lemnos train, on a terminal"
        script -qec "stty cols 90; '$lemnos' train --data idx ${small[*]} --epochs 3 --out t.safetensors" /dev/null \
            </dev/null >stdout 2>stderr
        grep -q $'\r' stdout || fail "there is no bar"
        grep -q '█' stdout || fail "the bar has no blocks"
        tr '\r' '\n' <stdout | sed 's/\x1b\[K//g' >lines
        [[ $(wc -L <lines) -le 120 ]] || fail "the bar has $(wc -L <lines) columns"
    fi
}

"test_$part"
if [[ $failures -gt 0 ]]; then
    echo "$failures expectations failed."
    exit 1
fi
