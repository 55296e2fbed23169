document.title = "GoChat";
